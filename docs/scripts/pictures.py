"""The figures of README.md and docs/, from those of published studies (`make readme` draws these first)."""

from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
IMAGES = ROOT / "docs" / "images"
FIGURES = {
    "label_curves": "hippocampus/figures/figure3_label_curves.png",
    "chaos_liver": "chaos_liver_nifti/figures/figure3_label_curves.png",
    "acdc": "acdc/figures/figure3_label_curves.png",
    "phantoms": "phantoms/figures/figure3_label_curves.png",
    "ablations": "hippocampus_ablations/figures/differences.png",
    "destreaking": "destreaking/figures/destreaking.png",
}
WIDTH = 1200
"""Pixels at most."""


def shrunk(source: Path, to: Path) -> None:
    """A picture at most `WIDTH` pixels wide, in few colours: it is kept in git."""
    with Image.open(source) as image:
        picture = image.convert("RGB")
    if picture.width > WIDTH:
        picture = picture.resize((WIDTH, round(picture.height * WIDTH / picture.width)), Image.Resampling.LANCZOS)
    picture.quantize(256).save(to, optimize=True)


if __name__ == "__main__":
    for name, figure in FIGURES.items():
        shrunk(ROOT / "results" / "published" / figure, IMAGES / f"{name}.png")
