"""What installed packages register is found; what does not fit is named with its package, and with what to do."""

import json
import subprocess
import sys

import pytest

ASKED = """
import json
from pathlib import Path
from fewlabel.config.extensions import extensions
asked = extensions("fewlabel.toys", Path, ["known"], lambda name, path: [] if path.name == name else ["has no name"])
print(json.dumps([{name: str(path) for name, path in asked.found.items()}, list(asked.problems)]))
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
        ("here", "HERE = 1", "is of the class int; accepted: an object of the class pathlib"),
        ("here", "", "cannot be imported (AttributeError: "),
        ("here", "import absent_module", "cannot be imported (ModuleNotFoundError: No module named 'absent_module')"),
        ("here", "1 / 0", "cannot be imported (ZeroDivisionError: division by zero)"),
        ("here", "from pathlib import Path\nHERE = Path('there')", "has no name"),
        ("known", "", "the name 'known' is taken by fewlabel itself; accepted: another name"),
    ],
)
def test_one_that_does_not_fit_is_named_with_its_package_and_what_to_do(installed, name, text, message):
    found, (problem,) = asked(installed("first", {"fewlabel.toys": {name: "first.paths:HERE"}}, paths=text))
    assert found == {} and message in problem
    assert problem.startswith(f"first 1.2, entry point {name!r} in 'fewlabel.toys' (first.paths:HERE): ")
    assert problem.endswith("or remove it (pip uninstall first)")
