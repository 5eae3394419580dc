"""What installed packages register is found; what does not fit is named with its package, and with what to do."""

import json
import subprocess
import sys

import pytest

ASKED = """
import json
from pathlib import Path
from fewlabel.config.extensions import extensions, refuse_misfits
found = extensions("fewlabel.toys", Path, ["known"], lambda name, path: [] if path.name == name else ["has no name"])
problems = []
try:
    refuse_misfits()
except ValueError as error:
    problems = str(error).splitlines()
print(json.dumps([{name: str(path) for name, path in found.items()}, problems]))
"""


def asked(env):
    process = subprocess.run([sys.executable, "-c", ASKED], env=env, capture_output=True, text=True, check=True)
    return json.loads(process.stdout)


def test_a_specification_that_fits_is_found_by_its_name(installed):
    env = installed(
        "first", {"fewlabel.toys": {"here": "first.paths:HERE"}}, paths="from pathlib import Path\nHERE=Path('here')"
    )
    assert asked(env) == [{"here": "here"}, []]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (
            "here",
            "HERE = 1",
            "cannot be used (TypeError: an object of the class int); accepted: an object of the class pathlib",
        ),
        ("here", "", "cannot be used (AttributeError: "),
        (
            "here",
            "from pathlib import Path\nclass Odd(type(Path())):\n    name = property()\nHERE = Odd('here')",
            "cannot be used",
        ),
        ("here", "import absent_module", "cannot be used (ModuleNotFoundError: No module named 'absent_module')"),
        ("here", "1 / 0", "cannot be used (ZeroDivisionError: division by zero)"),
        ("here", "from pathlib import Path\nHERE = Path('there')", "has no name"),
        ("known", "", "the name 'known' is taken by fewlabel itself; accepted: another name"),
    ],
)
def test_one_that_does_not_fit_is_named_with_its_package_and_what_to_do(installed, name, text, message):
    found, (problem,) = asked(installed("first", {"fewlabel.toys": {name: "first.paths:HERE"}}, paths=text))
    assert found == {} and message in problem
    assert problem.startswith(f"first 1.2, entry point {name!r} in 'fewlabel.toys' (first.paths:HERE): ")
    assert problem.endswith("or remove it (pip uninstall first)")
