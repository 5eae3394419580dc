"""The package has eight floors: imports run down only; every folder says what it holds."""

import ast
from pathlib import Path

import pytest

import fewlabel

PACKAGE = Path(fewlabel.__file__).parent
FLOORS = ("utils", "config", "data", "training", "inference", "reporting", "operations", "cli")
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path.name != "__init__.py")
FOLDERS = sorted({path.parent for path in MODULES} - {PACKAGE})


def floor(module):
    """The number of the floor of `fewlabel.<folder>...`, from the bottom."""
    return FLOORS.index(module.split(".")[1])


def imported(path):
    """The modules of the package that a file imports, at its top or inside a function."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("fewlabel."):
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("fewlabel."))


def test_the_package_has_its_eight_folders_and_no_module_beside_them():
    folders = {path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert folders == set(FLOORS)
    assert [path.name for path in PACKAGE.glob("*.py")] == ["__init__.py"]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_imports_run_down_only(path):
    own = FLOORS.index(path.relative_to(PACKAGE).parts[0])
    assert [module for module in imported(path) if floor(module) > own] == []


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_every_folder_says_what_it_holds_and_what_it_may_import(folder):
    text = ast.get_docstring(ast.parse((folder / "__init__.py").read_text()))
    assert text is not None and "import" in text.lower()
    assert len([path for path in folder.glob("*.py") if path.name != "__init__.py"]) <= 13
