"""The results page of a real study in a real browser: every width, light and dark, alone in a folder."""

import shutil
from itertools import pairwise
from urllib.parse import unquote, urlparse

import pytest

pytestmark = pytest.mark.xdist_group("browser")
LOADED = "document.readyState === 'complete' && [...document.images].every((image) => image.complete)"
CONTRAST = """
const numbers = (text) => text.match(/[\\d.]+/g).map(Number);
const light = (rgb) => rgb.slice(0, 3).map((v) => v / 255)
  .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
  .reduce((sum, v, at) => sum + v * [0.2126, 0.7152, 0.0722][at], 0);
const behind = (one) => {
  for (let at = one; at; at = at.parentElement) {
    const colour = numbers(getComputedStyle(at).backgroundColor);
    if (colour.length === 3 || colour[3] > 0) return colour;
  }
};
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
const poor = new Set();
while (walker.nextNode()) {
  const one = walker.currentNode.parentElement;
  if (!walker.currentNode.textContent.trim() || !one.checkVisibility() || one.closest(".unseen, .skip")) continue;
  const [high, low] = [light(numbers(getComputedStyle(one).color)), light(behind(one))].sort((a, b) => b - a);
  if ((high + 0.05) / (low + 0.05) < 4.5) poor.add(one.outerHTML.slice(0, 120));
}
return [...poor];
"""


def visit(browser, page, **how):
    browser.open(page.as_uri(), **how)
    browser.until(LOADED)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [390, 768, 1440])
def test_every_width_fits_and_is_readable(titled, browser, width, dark):
    visit(browser, titled.results / "index.html", width=width, dark=dark, phone=width == 390)
    assert browser.script("return document.documentElement.scrollWidth <= innerWidth")
    assert browser.script(CONTRAST) == []
    assert browser.complaints() == []
    browser.picture(f"results_page_{width}_{'dark' if dark else 'light'}")


def test_links_lead_to_files_of_the_study_and_to_parts_of_the_page(titled, browser):
    visit(browser, titled.results / "index.html")
    found = browser.script("return [...document.links].map((link) => link.href)")
    files = {unquote(urlparse(address).path) for address in found}
    assert [path for path in files if not titled.results.joinpath(path).exists()] == []
    named = {titled.results / name for name in ("explorer.html", "report.html", "scores.csv", "experiment.yaml")}
    assert {str(path) for path in named} <= files
    parts = {urlparse(address).fragment for address in found} - {""}
    assert browser.script("return arguments[0].filter((id) => !document.getElementById(id))", sorted(parts)) == []


def test_a_screen_reader_finds_headings_in_order_texts_of_pictures_and_heads_of_tables(titled, browser):
    visit(browser, titled.results / "index.html")
    levels = browser.script("return [...document.querySelectorAll('h1,h2,h3,h4')].map((one) => +one.tagName[1])")
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    texts = browser.script("return [...document.images].map((image) => image.alt)")
    assert len(texts) >= 8 and all(len(text) > 20 for text in texts)
    assert any("at N = 1" in text for text in texts)
    assert browser.script("return document.documentElement.lang") == "en"
    assert browser.script("return [...document.querySelectorAll('main th')].filter((one) => !one.scope).length") == 0
    assert browser.script("return [...document.querySelectorAll('table')].filter((one) => !one.caption).length") == 0


def test_on_a_phone_the_quality_page_lists_each_subject_with_names_of_its_values(titled, browser):
    visit(browser, titled.results / "tables" / "quality_liver_phantom.html", width=390, phone=True)
    assert browser.script("return document.documentElement.scrollWidth <= innerWidth")
    names = "return [...document.querySelectorAll('td')].map((cell) => getComputedStyle(cell, '::before').content)"
    assert {'"size"', '"orientation"', '"kept"'} <= set(browser.script(names))
    assert browser.complaints() == []
    browser.picture("quality_390")


def test_alone_in_a_folder_it_shows_every_picture(titled, browser, tmp_path):
    shutil.copy(titled.results / "index.html", tmp_path)
    visit(browser, tmp_path / "index.html")
    assert browser.script("return [...document.images].filter((image) => !image.naturalWidth).length") == 0
    assert browser.complaints() == []


def test_a_title_with_markup_stays_text(titled, browser):
    visit(browser, titled.results / "index.html")
    assert browser.script("return document.querySelectorAll('img[src=x]').length") == 0
    assert "<img src=x onerror=alert(1)>" in browser.script("return document.body.innerText")
