"""Every command on a page of the documentation works: it is run, dry-run or at least parsed.

In a clean checkout with the page's own experiment file, a small cohort and published results in place of a reader's:

- run: commands of `fewlabel` that take seconds (`CHEAP`)
- dry-run: `snakemake` and `make`; but a lone target is looked up, and the experiment of a results page is read
- parsed: the other commands of `fewlabel`; options, arguments and types are those of the command line
- not run, with a reason: `NOT_RUN`
"""

import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import typer
from snakemake.cli import get_argument_parser

from fewlabel.cli.commands import app
from fewlabel.config.loading.load import load_files
from helpers import preloaded
from helpers.nifti_cohort import nifti_cohort
from helpers.studies import ROOT

BIN = Path(sys.executable).parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```bash\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`((?:snakemake|fewlabel|make|pip) [^`]+)`")
PLACEHOLDER = re.compile(r"[…<>]|\b[A-Z]{3,}\b(?!=)")
CHEAP = {"--help", "--version", "validate", "plan", "annotation-budget", "stale-files", "compare", "schema"}
NOT_RUN = {
    "git": "the address of the repository is its owner's",
    "cd": "part of the line above",
    "source": "the tests' own environment is in use",
    "apptainer": "no image registry can be reached",
    "tensorboard": "a server that does not end",
    "srun": "what it starts is checked as a command of its own",
}


def commands():
    """Pages and their commands, each once: first those in blocks, then those in running text that have arguments."""
    found = {}
    for page in PAGES:
        text = page.read_text()
        lines = [line for block in BLOCK.findall(text) for line in block.replace("\\\n", " ").splitlines()]
        for line in [*lines, *INLINE.findall(re.sub(r"```.*?```", "", text, flags=re.DOTALL))]:
            for part in line.partition(" #")[0].split("&&"):
                if words := shlex.split(part, comments=True):
                    found.setdefault(tuple(words), page.relative_to(ROOT).as_posix())
    return [pytest.param(list(words), page, id=f"{page}: {shlex.join(words)}") for words, page in found.items()]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """What a reader has after `git clone`, a cohort, the tutorial's experiment, and results of finished studies."""
    folder = tmp_path_factory.mktemp("clone") / "fewlabel"
    kept = ["ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(["git", *kept], cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    for name in names:
        if (ROOT / name).is_file() and not name.startswith("tests/"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    nifti_cohort(folder / "data" / "mine", subjects=16)
    tutorial = (ROOT / "docs" / "tutorials" / "own-data.md").read_text()
    (folder / "experiments" / "mine.yaml").write_text(
        re.search(r"```yaml\n(# experiments/mine.*?)```", tutorial, re.S)[1]
    )
    change = (ROOT / "docs" / "how-to" / "figures.md").read_text()
    (folder / "my.yaml").write_text(re.search(r"```yaml\n(# my.yaml.*?)```", change, re.S)[1])
    for study, published in {"mine": "hippocampus", "demo": "demo"}.items():
        shutil.copytree(ROOT / "results" / "published" / published, folder / "results" / study)
    return folder


def call(words, folder):
    """Run a command as a reader does, in an environment that holds nothing of the tests'."""
    path = f"{preloaded.commands()}:{BIN}:/usr/local/bin:/usr/bin:/bin"
    environment = {"PATH": path, "HOME": str(folder.parent), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{shlex.join(map(str, words))}\n{done.stdout}\n{done.stderr}"


def parse(words):
    """Words after `fewlabel` as its command line takes them; raises where it does not."""
    group = typer.main.get_group(app)
    if not words or words[0].startswith("--"):
        return
    name, *arguments = words
    assert name in group.commands, f"no command {name}"
    if arguments and "--help" not in arguments:
        group.commands[name].make_context(name, list(arguments))


def check_fewlabel(words, folder):
    if len(words) > 1 and words[1] in CHEAP and (len(words) > 2 or words[1].startswith("--")):
        call(words, folder)
    else:
        parse(words[1:])


@pytest.fixture(scope="module")
def targets(checkout):
    """What `snakemake NAME` may ask for."""
    listed = subprocess.run(
        [BIN / "snakemake", "--list-rules"], cwd=checkout, capture_output=True, text=True, check=True
    )
    return set(re.findall(r"^(\w+)", listed.stdout, re.MULTILINE))


def check_snakemake(words, folder, targets, page):
    """A dry run without the profile, whose executor or GPU may be missing here."""
    get_argument_parser().parse_args(words[1:])
    if not any(word.startswith("-") for word in words):
        assert set(words[1:]) <= targets
        return
    if page.startswith("docs/results/"):
        load_files([ROOT / "config.yaml", *(ROOT / word for word in words if word.startswith("experiments/"))])
        return
    if "--profile" in words:
        place = words.index("--profile")
        assert (folder / words[place + 1] / "profile.yaml").is_file()
        words = [*words[:place], *words[place + 2 :]]
    if set(words) & {"--touch", "--sdm"}:
        return
    ended = [word for word in words if word != "-n"]
    call([ended[0], "-n", *([] if "-q" in ended else ["-q", "all"]), *ended[1:]], folder)


def check_pip(words):
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for names in re.findall(r"\[([\w,-]+)\]", shlex.join(words)):
        assert set(names.split(",")) <= extras.keys()
    for option in ("-c", "--constraint"):
        if option in words:
            assert (ROOT / words[words.index(option) + 1]).is_file()


@pytest.mark.parametrize(("words", "page"), commands())
def test_a_command_of_the_documentation_works(words, page, checkout, targets):
    line = shlex.join(words)
    if words[0] == "srun":
        words = [word for word in words if word != "srun" and not word.startswith("--gpus")]
    if words[0] in NOT_RUN or PLACEHOLDER.search(line.replace("STUDY=", "").replace("SETTINGS=", "")):
        return
    if words[0] == "fewlabel":
        check_fewlabel(words, checkout)
    elif words[0] == "snakemake":
        check_snakemake(words, checkout, targets, page)
    elif words[0] == "make":
        call(["make", "-n", *words[1:]], checkout)
    elif "pip" in words:
        check_pip(words)
    else:
        pytest.fail(f"{words[0]}: say in this test how it is checked")
