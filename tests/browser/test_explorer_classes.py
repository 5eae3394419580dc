"""The page of a study with several classes: switches, legend, numbers of each class and of the mean."""

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select

from browser.test_explorer import READY, bytes_of, click, find, texts
from helpers.explored import CLASSES, make_classes, page_of
from reporting.explorer.test_classes import study_of

pytestmark = pytest.mark.xdist_group("browser")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    results, study = tmp_path_factory.mktemp("classes"), study_of(CLASSES)
    outcome, page = page_of(make_classes(results, study), study)
    assert outcome.exit_code == 0, outcome.output
    return page


@pytest.fixture
def page(browser, made):
    browser.open(made.as_uri())
    browser.until(READY)
    yield browser
    assert browser.complaints() == []


TITLES = [name.replace("_", " ") for name in CLASSES]


def test_classes_are_named_in_their_colours_and_switched_on_and_off(page):
    assert texts(page, ".classes .chip .name") == TITLES
    colours = (
        "return [...document.querySelectorAll('.classes .swatch')].map((one) => getComputedStyle(one).backgroundColor)"
    )
    assert page.script(colours) == ["rgb(0, 240, 255)", "rgb(255, 150, 0)", "rgb(150, 75, 255)"]
    assert texts(page, "#panels .numbers")[0] == "right ventricle, myocardium, left ventricle"
    truth = bytes_of(page, 0)
    click(page, "#class-myocardium")
    page.until("!document.querySelector('#panels .numbers').textContent.includes('myocardium')")
    assert bytes_of(page, 0) != truth
    assert texts(page, "#panels figure:nth-child(2) .by-class tbody th") == ["right ventricle", "left ventricle"]
    click(page, "#class-myocardium")
    page.until("document.querySelector('#panels .numbers').textContent.includes('myocardium')")
    assert bytes_of(page, 0) == truth


def test_lines_are_of_the_truth_areas_of_the_prediction_and_errors_are_chequered(page):
    assert find(page, "#legend").text.split("\n") == ["lines: truth", "areas: prediction"]
    both = bytes_of(page, 1)
    click(page, "#prediction")
    assert bytes_of(page, 1) == bytes_of(page, 0) != both
    click(page, "#prediction")
    click(page, "#errors")
    assert "chequered: wrong class" in find(page, "#legend").text and bytes_of(page, 1) != both
    page.picture("explorer_classes")


def test_numbers_are_of_the_mean_or_of_the_class_that_is_chosen(page):
    assert [one.text for one in page.driver.find_elements(By.CSS_SELECTOR, "#score-switches .name")] == [
        "mean of the classes",
        *TITLES,
    ]
    rows = texts(page, "#panels figure:nth-child(2) .by-class tbody tr")
    values = [float(row.split()[-1]) for row in rows]
    said = texts(page, "#panels .numbers")[1].split("\n")[0]
    assert said.startswith("Mean Dice: slice ") and float(said.split()[-1]) == pytest.approx(sum(values) / 3, abs=0.011)
    subject = "return document.querySelector('#subject').selectedOptions[0].text"
    mean = page.script(subject)
    click(page, "#score-left_ventricle")
    page.until("document.querySelector('#curve-cards .sub').textContent.includes('Dice: left ventricle')")
    page.until(READY)
    assert page.script(subject) != mean
    click(page, "#score-mean")
    page.until("document.querySelector('#curve-cards .sub').textContent.includes('Dice: mean of the classes')")


def test_a_phone_shows_fourteen_classes_without_scrolling_sideways(browser, tmp_path):
    study = study_of({f"structure_number_{number:02d}": [number] for number in range(1, 15)})
    _, made = page_of(make_classes(tmp_path, study, subjects=("ann",), shape=(42, 20, 4)), study)
    for width, phone in ((390, True), (1280, False)):
        browser.open(made.as_uri(), width, 844, phone=phone)
        browser.until(READY)
        assert browser.script("return document.documentElement.scrollWidth") <= width
        chips = "[...document.querySelectorAll('.classes .chip')].map((one) => one.getBoundingClientRect())"
        box = "document.querySelector('.classes .chips').getBoundingClientRect()"
        inside = f"{chips}.every((one) => one.top >= {box}.top - 1 && one.bottom <= {box}.bottom + 1 && one.width > 60)"
        assert browser.script(f"return {inside}") and len(texts(browser, ".classes .chip")) == 14
        browser.script("document.querySelector('#volumes').scrollIntoView({behavior: 'instant'})")
        browser.picture(f"explorer_14_classes_{width}")
        Select(find(browser, "#score")).select_by_value("structure_number_14")
        browser.until("document.querySelector('#curve-cards .sub').textContent.includes('structure number 14')")
    assert browser.complaints() == []
