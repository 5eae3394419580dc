"""The pictures of README.md and docs/ (`make readme`): published figures, and what a browser shows of a study's pages.

    python docs/pictures.py [results/demo]

The figures come from results/published (`make figures`), the pages from the study that is named; a page that the study
lacks keeps its picture. Pages need Chromium.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"
FIGURES = {
    "label_curves": ROOT / "results/published/hippocampus/figures/figure3_label_curves.png",
    "phantoms": ROOT / "results/published/phantoms/figures/figure3_label_curves.png",
    "ablations": ROOT / "results/published/hippocampus_ablations/figures/differences.png",
    "destreaking": ROOT / "results/published/destreaking/figures/destreaking.png",
}
PAGES = {"report": (1280, 860), "explorer": (1280, 1000)}
WIDTH = 1200


def shrunk(source: Path, to: Path) -> None:
    """A picture at most `WIDTH` pixels wide, in few colours: it is kept in git."""
    with Image.open(source) as image:
        picture = image.convert("RGB")
    if picture.width > WIDTH:
        picture = picture.resize((WIDTH, round(picture.height * WIDTH / picture.width)), Image.Resampling.LANCZOS)
    picture.quantize(256).save(to, optimize=True)


def photographed(page: Path, size: tuple[int, int], to: Path) -> None:
    """What Chromium shows of a page after it has settled."""
    browser = shutil.which("chromium") or shutil.which("chrome") or shutil.which("google-chrome")
    if browser is None:
        sys.exit("no Chromium: apt-get install chromium")
    with tempfile.TemporaryDirectory() as folder:
        shot = Path(folder) / "page.png"
        subprocess.run(
            [
                *(browser, "--headless=new", "--no-sandbox", "--hide-scrollbars", f"--user-data-dir={folder}/profile"),
                *(f"--window-size={size[0]},{size[1]}", "--virtual-time-budget=8000", f"--screenshot={shot}"),
                page.absolute().as_uri(),
            ],
            check=True,
            capture_output=True,
        )
        shrunk(shot, to)


def main() -> None:
    """Make all pictures anew."""
    study = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "results" / "demo"
    IMAGES.mkdir(exist_ok=True)
    for name, source in FIGURES.items():
        shrunk(source, IMAGES / f"{name}.png")
    for name, size in PAGES.items():
        if (page := study / f"{name}.html").is_file():
            photographed(page, size, IMAGES / f"{name}.png")


if __name__ == "__main__":
    main()
