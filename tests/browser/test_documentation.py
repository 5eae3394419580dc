"""The built documentation: strict, readable without a network on a phone and a screen, with a search that works."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.studies import ROOT

PAGES = ("index", "get-started", "results/hippocampus", "results/hippocampus_ablations", "reference/settings")


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """The folder of the site, as `make docs` builds it."""
    pytest.importorskip("mkdocs", reason="needs the extra docs: make .venv/installed-dev")
    folder = tmp_path_factory.mktemp("site")
    command = [Path(sys.executable).with_name("mkdocs"), "build", "--strict", "--quiet", "--site-dir", folder]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("page", PAGES)
def test_a_page_fits_and_asks_no_network(browser, site, page, width):
    browser.open((site / f"{page}.html").as_uri(), width=width, phone=width < 500)
    browser.until("document.fonts.status === 'loaded' && document.querySelector('h1') !== null")
    assert browser.script("return document.documentElement.scrollWidth") <= width
    assert browser.complaints() == []
    browser.picture(f"documentation_{page.replace('/', '_')}_{width}")


def test_the_search_finds_a_setting_without_a_server(browser, site):
    browser.open((site / "index.html").as_uri())
    box = browser.driver.find_element("css selector", ".md-search__input")
    box.click()
    box.send_keys("checkpoint_every")
    found = "[...document.querySelectorAll('.md-search-result__link')].map(link => link.href).join(' ')"
    browser.until(f"{found}.includes('settings.html')")
    assert browser.complaints() == []


def test_no_page_loads_anything_from_elsewhere(site):
    loaded = [
        f"{page.relative_to(site)}: {tag}"
        for page in site.rglob("*.html")
        for tag in page.read_text().split("<")
        if tag.startswith(("script", "link", "img", "iframe")) and "://" in tag.partition(">")[0]
    ]
    assert loaded == []
