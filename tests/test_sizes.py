"""The package stays readable: no name for two classes, no function or file that is too long."""

import ast
from collections import defaultdict
from pathlib import Path

import fewlabel

PACKAGE = Path(fewlabel.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
MOST_LINES_OF_A_FILE = 300
MOST_LINES_OF_A_FUNCTION = 60


def nodes(*kinds):
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, kinds):
                yield path.relative_to(PACKAGE).as_posix(), node


def test_every_class_has_a_name_of_its_own():
    places = defaultdict(list)
    for path, node in nodes(ast.ClassDef):
        places[node.name].append(path)
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


def test_no_function_is_too_long():
    lengths = {
        f"{path}: {node.name}": node.end_lineno - node.lineno + 1
        for path, node in nodes(ast.FunctionDef, ast.AsyncFunctionDef)
    }
    assert {name: lines for name, lines in lengths.items() if lines > MOST_LINES_OF_A_FUNCTION} == {}


def test_no_file_is_too_long():
    lengths = {str(path.relative_to(PACKAGE)): len(path.read_text(encoding="utf-8").splitlines()) for path in FILES}
    assert {name: lines for name, lines in lengths.items() if lines > MOST_LINES_OF_A_FILE} == {}
