"""The report of a study in a real browser."""

import pytest

from helpers.studies import MARKUP

pytestmark = pytest.mark.xdist_group("browser")


def click(browser, text):
    """Click on what shows exactly this text; innermost first."""
    found = browser.script(
        "const all = [...document.querySelectorAll('#app *')].filter("
        "e => e.textContent.trim() === arguments[0] && e.tagName !== 'EM');"
        "if (!all.length) return false; all[all.length - 1].click(); return true;",
        text,
    )
    assert found, text


def shows(text):
    return f"document.querySelector('#app').innerText.includes({text!r})"


def visit(browser, titled, section):
    """The page anew, and a section of it."""
    browser.open((titled.results / "report.html").as_uri())
    browser.until(shows("These choices are ours"))
    click(browser, section)


def test_figures_tables_scores_and_runtimes_are_shown_without_any_network(titled, browser):
    visit(browser, titled, "Figures")
    browser.until(shows("Figure 3: Dice against N"))
    named = browser.script("return Object.fromEntries(Object.values(results).map(r => [r.labels.figure, r.labels]))")
    title = MARKUP.replace("{", "{\u2060")
    methods = f"{title}, Regression, Contrastive, Supervised benchmark"
    gallery = {"figure": "Figure 4: liver", "cohort": title, "method": methods, "N": "2, all", "draw": "1"}
    assert named["Figure 4: liver"] == gallery
    browser.until(shows("</script> {\u2060x}"))
    browser.picture("report_figures")
    visit(browser, titled, "Tables")
    browser.until(shows("Table 2: Dice"))
    visit(browser, titled, "Scores of each run")
    browser.until(shows("supervised"))
    browser.picture("report_scores")
    visit(browser, titled, "Statistics")
    browser.until("document.querySelector('#runtimes canvas, #runtimes svg') !== null")
    browser.picture("report_statistics")
    ran = browser.script("return runtimes_spec.data.values.map(row => [row.rule, row.runtime])")
    assert {"pretrain", "finetune", "evaluate"} <= {rule for rule, seconds in ran if seconds > 0}
    # Advice of Snakemake's own libraries to its builders.
    advice = ("cdn.tailwindcss.com should not be used", "The input spec uses Vega-Lite v3")
    assert [text for text in browser.complaints() if not any(words in text for words in advice)] == []


def test_every_figure_opens_as_a_picture_with_its_caption(titled, browser):
    browser.open((titled.results / "report.html").as_uri())
    browser.until(shows("These choices are ours"))
    shown = browser.script(
        "return Object.entries(results).map(([path, r]) => [path, r.mime_type, r.caption, r.data_uri])"
    )
    made = {f"results/tiny/{path.relative_to(titled.results)}" for path in (titled.results / "figures").glob("*.png")}
    assert {path for path, mime, *_ in shown if mime == "image/png"} == made
    assert all("200 steps" not in caption and "4 steps of 4 slices" in caption for _, _, caption, _ in shown)
    for path, mime, _, uri in shown:
        if mime == "image/png":
            width = browser.driver.execute_async_script(
                "const image = new Image(), done = arguments[1];"
                "image.onload = () => done(image.naturalWidth); image.onerror = () => done(0);"
                "image.src = arguments[0];",
                uri,
            )
            assert width > 100, path


def test_a_title_with_markup_stays_text(titled, browser):
    browser.open((titled.results / "report.html").as_uri())
    browser.until(shows("These choices are ours"))
    assert browser.script("return document.querySelectorAll('img[src=x]').length") == 0
    markup = MARKUP.partition(" <")[2].partition(" {")[0]
    assert markup in browser.script("return JSON.stringify(Object.values(results).map(r => r.job_properties.params))")


def test_the_page_holds_no_place_of_this_machine(titled):
    page = (titled.results / "report.html").read_text()
    assert not [place for place in (titled.made_in, titled.made_in.parent) if str(place) in page]
    assert (titled.results / "report.html").stat().st_size < 30_000_000
