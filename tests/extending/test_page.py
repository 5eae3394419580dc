"""The examples of docs/extending/ are the files that the other tests install."""

import re
from pathlib import Path

import pytest

from helpers.studies import ROOT

PAGES = "\n".join(page.read_text() for page in sorted((ROOT / "docs" / "extending").glob("*.md")))
TOYS = Path(__file__).with_name("toys")
EXAMPLES = dict(re.findall(r"^`([\w/.]+)`\n\n```\w+\n(.*?)^```$", PAGES, flags=re.MULTILINE | re.DOTALL))
FILES = [path.relative_to(TOYS).as_posix() for path in (TOYS / "pyproject.toml", *sorted(TOYS.rglob("*.py")))]


@pytest.mark.parametrize("name", [name for name in FILES if not name.endswith("__init__.py")])
def test_a_page_has_the_file_as_it_is(name):
    assert EXAMPLES.get(name) == (TOYS / name).read_text()


def test_no_page_has_an_example_that_is_not_tested():
    assert EXAMPLES.keys() <= set(FILES)
