"""Without the extra `radial`: a study that needs it is refused before work starts; tests/extending runs one without."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from fewlabel.utils.optional_dependencies import RADIAL
from helpers.missing_packages import hide
from helpers.studies import ROOT, TINY, merged

SCANS = {"source": {"kind": "radial", "folder": "scans"}, "grid": {"matrix": [32, 32]}, "test": 2}
NEEDED = {
    "kind: radial": ({"cohorts": {"scans": SCANS}}, "cohorts.scans.source: kind: radial"),
    "radial": ({"cohorts": {"liver_phantom": {"source": {"radial": {}}}}}, "cohorts.liver_phantom.source: radial"),
}


CALLS = {
    "snakemake": [sys.executable, "-m", "snakemake", "--snakefile", ROOT / "Snakefile", "--dry-run", "--configfile"],
    "validate": [Path(sys.executable).with_name("fewlabel"), "validate"],
    "doctor": [Path(sys.executable).with_name("fewlabel"), "doctor", "--configfile"],
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("case", NEEDED)
def test_the_message_names_the_setting_the_extra_and_the_command(tmp_path, call, case):
    change, where = NEEDED[case]
    overlay = tmp_path / "experiment.yaml"
    overlay.write_text(yaml.safe_dump(merged(TINY, change)))
    (tmp_path / "hidden").mkdir()
    env = hide(tmp_path / "hidden", RADIAL)
    process = subprocess.run(
        [*CALLS[call], overlay], env=env, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    text = process.stdout + process.stderr
    assert process.returncode == 1 and "Traceback" not in text
    assert "needs the extra `radial`; not installed: finufft, h5py, ismrmrd" in " ".join(text.split())
    assert "pip install --constraint envs/constraints.txt finufft h5py ismrmrd" in " ".join(text.split())
    assert where in text or where.partition("source: ")[2] in text


def test_its_packages_are_imported_by_the_reconstruction_alone():
    package = ROOT / "workflow" / "fewlabel"
    found = {
        path.relative_to(package).parts[:2]
        for path in package.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [one.name for one in node.names])
        if name.partition(".")[0] in RADIAL
    }
    assert found == {("data", "reconstruction")}
