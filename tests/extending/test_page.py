"""The examples of docs/extending.md are the files that the other tests install."""

import re
from pathlib import Path

import pytest

from helpers.studies import ROOT

PAGE = (ROOT / "docs" / "extending.md").read_text()
TOYS = Path(__file__).with_name("toys")
EXAMPLES = dict(re.findall(r"^`([\w/.]+)`\n\n```\w+\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL))
FILES = [path.relative_to(TOYS).as_posix() for path in (TOYS / "pyproject.toml", *sorted(TOYS.rglob("*.py")))]


@pytest.mark.parametrize("name", [name for name in FILES if not name.endswith("__init__.py")])
def test_the_page_has_the_file_as_it_is(name):
    assert EXAMPLES.get(name) == (TOYS / name).read_text()


def test_the_page_has_no_example_that_is_not_tested():
    assert EXAMPLES.keys() <= set(FILES)
