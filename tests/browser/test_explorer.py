"""The page to explore, used as people use it: pointer, keyboard, phone, dark mode; never a network, never an error."""

import functools
import json
import threading
from contextlib import suppress
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlparse

import numpy as np
import pytest
from selenium.webdriver import ActionChains, Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select

from helpers.explored import HOSTILE, TITLE, experiment, make, page_of, save

pytestmark = pytest.mark.xdist_group("browser")
CURVES = [f"#curve-cards [data-cohort='{at}'] .plot" for at in (0, 1)]
READY = "document.querySelectorAll('#panels figure').length > 0 && !document.querySelector('#viewer[aria-busy]')"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    results, study = tmp_path_factory.mktemp("explored"), experiment()
    outcome, page = page_of(make(results, study), study)
    assert outcome.exit_code == 0, outcome.output
    return page


@pytest.fixture
def page(browser, made):
    """The page, open and settled; at the end it must have asked for nothing and complained of nothing."""
    browser.open(made.as_uri())
    browser.until(READY)
    yield browser
    assert browser.complaints() == []
    assert browser.script("return window.pwned") is None


def find(browser, selector):
    return browser.driver.find_element(By.CSS_SELECTOR, selector)


def texts(browser, selector):
    return [one.text for one in browser.driver.find_elements(By.CSS_SELECTOR, selector)]


def click(browser, selector):
    browser.script("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", find(browser, selector))
    find(browser, selector).click()


def hover(browser, plot, role, method, point=0):
    """Move the pointer onto a point of a plot, once that is drawn, and return the texts that it says."""
    browser.until(f"document.querySelector({json.dumps(plot)})?._fullData?.length")
    at = browser.script(
        """
        const plot = document.querySelector(arguments[0]);
        plot.scrollIntoView({block: 'center', behavior: 'instant'});
        const trace = plot._fullData.find((one) => one.meta.role === arguments[1] && one.meta.method === arguments[2]);
        const [box, l] = [plot.getBoundingClientRect(), plot._fullLayout];
        const [x, y] = [l.xaxis.d2p(trace.x[arguments[3]]), l.yaxis.d2p(trace.y[arguments[3]])];
        return [box.left + l._size.l + x, box.top + l._size.t + y];
        """,
        plot,
        role,
        method,
        point,
    )
    mouse = ActionChains(browser.driver, duration=0)
    mouse.w3c_actions.pointer_action.move_to_location(round(at[0]) + 1, round(at[1]) + 1)
    mouse.w3c_actions.pointer_action.move_to_location(round(at[0]), round(at[1]))
    mouse.perform()
    browser.until("document.querySelector('.hoverlayer .hovertext')")
    return texts(browser, ".hovertext")


def click_point(browser, reached, *point):
    """Click on a point of a plot (as for `hover`) until a script is true, and return the texts that it says.

    Plotly takes a click for one on a point only while that is hovered: a redraw in between loses it.
    """
    for attempt in reversed(range(6)):
        said = hover(browser, *point)
        ActionChains(browser.driver).click().perform()
        with suppress(AssertionError):
            browser.until(reached, 5)
            break
        assert attempt, f"no click on the point led to: {reached}"
    return said


def shown_traces(browser, plot=0):
    traces = "document.querySelectorAll('.plot')[arguments[0]]._fullData.filter((one) => one.visible === true)"
    return set(browser.script(f"return {traces}.map((one) => one.meta.method)", plot))


def dice_shown(browser):
    return texts(browser, "#panels .numbers")


def bytes_of(browser, panel):
    return browser.script(f"return document.querySelectorAll('#panels canvas')[{panel}].toDataURL()")


# ------------------------------------------------------------------------------------------------------------ curves
def test_a_point_says_its_mean_interval_and_draws(page):
    (text,) = hover(page, CURVES[0], "cell", "regression", 1)
    assert "Regression <i>x</i>" in text and "N = 2" in text and "95 % interval" in text and "2 draws:" in text
    page.picture("explorer_hover")


def test_methods_and_cohorts_are_switched_on_and_off(page):
    assert shown_traces(page) == {"scratch", "regression", "supervised", None}
    click(page, "#method-0")
    click(page, "#paper")
    assert shown_traces(page) == {"regression", "supervised"}
    assert not any("scratch" in name for name in texts(page, "#panels .name"))
    click(page, "#cohort-0")
    assert [card.is_displayed() for card in page.driver.find_elements(By.CSS_SELECTOR, "#curve-cards .card")] == [
        False,
        True,
    ]
    assert Select(find(page, "#cohort")).first_selected_option.text == "prostate"
    click(page, "#cohort-1")
    assert not find(page, "#viewer").is_displayed()
    click(page, "#cohort-0")
    click(page, "#method-0")
    assert shown_traces(page) == {"scratch", "regression", "supervised"}


def test_a_click_on_a_point_lists_its_subjects_and_a_click_on_a_subject_opens_its_volume(page):
    click_point(page, "!document.querySelector('#cell').hidden", CURVES[1], "cell", "scratch", 0)
    assert find(page, "#cell-title").text.strip().startswith("scratch, N = 1, on prostate: mean Dice 0.")
    names = texts(page, "#cell tbody td:first-child")
    assert names == ["ann", "bob", "eve", HOSTILE]  # worst first
    click(page, "#cell-order")
    assert texts(page, "#cell tbody td:first-child") == names[::-1]
    assert "trained on pool0" in find(page, "#cell details").get_attribute("textContent")
    page.picture("explorer_subjects")
    page.driver.find_elements(By.CSS_SELECTOR, "#cell tbody button")[2].click()
    page.until(READY)
    assert Select(find(page, "#cohort")).first_selected_option.text == "prostate"
    assert Select(find(page, "#subject")).first_selected_option.text.startswith("bob")
    assert page.script("return document.activeElement.id") == "viewer"
    assert "scratch, N = 1" in texts(page, "#panels .name") and "scratch, N = 2" not in texts(page, "#panels .name")


def test_a_point_of_the_paired_plot_opens_its_subject(page):
    opened = "document.querySelector('#subject').value === 'bob'"
    (text,) = click_point(page, opened, "#paired-cards .plot", "subject", "regression", 2)
    assert "bob" in text
    page.until(READY)
    assert Select(find(page, "#cohort")).first_selected_option.text == TITLE


# ----------------------------------------------------------------------------------------------------------- volumes
def test_slices_scroll_by_slider_buttons_wheel_and_keys(page):
    assert find(page, "#slice-text").text == "Slice 2 of 6"  # the first that shows most of the target
    truth = bytes_of(page, 0)
    click(page, "#slice-up")
    assert find(page, "#slice-text").text == "Slice 3 of 6" and bytes_of(page, 0) != truth
    click(page, "#panels canvas")  # gives the focus
    page.driver.switch_to.active_element.send_keys(Keys.ARROW_UP)
    assert find(page, "#slice-text").text == "Slice 4 of 6"
    page.driver.switch_to.active_element.send_keys(Keys.END)
    assert find(page, "#slice-text").text == "Slice 6 of 6"
    assert texts(page, "#panels .numbers")[0] == "no target in this slice"
    page.driver.switch_to.active_element.send_keys("m")
    assert find(page, "#slice-text").text == "Slice 2 of 6"
    wheel = "new WheelEvent('wheel', {deltaY: -50, bubbles: true, cancelable: true})"
    page.script(f"document.querySelector('#panels canvas').dispatchEvent({wheel})")
    assert find(page, "#slice-text").text == "Slice 3 of 6"
    page.script("const s = document.querySelector('#slice'); s.value = 4; s.dispatchEvent(new Event('input'))")
    assert find(page, "#slice-text").text == "Slice 5 of 6"


def test_panels_show_the_dice_of_slice_and_volume(page):
    assert texts(page, "#panels .name") == [
        "Truth",
        "scratch, N = 2",
        "Regression <i>x</i>, N = 2",
        "supervised, N = 5",
    ]
    # Of 12 columns of ann's target, the first 0.7 / 2 + 0.02 (4) are lost, and scratch loses 0.1 more (6).
    regression, scratch = 2 * 8 / (8 + 12), 2 * 6 / (6 + 12)
    assert dice_shown(page)[1:3] == [f"Dice: slice {dice:.2f}, volume {dice:.2f}" for dice in (scratch, regression)]
    page.picture("explorer_volumes")


def test_contours_and_errors_are_switched(page):
    both = bytes_of(page, 2)
    click(page, "#errors")
    assert bytes_of(page, 2) != both and find(page, "#errors").get_attribute("aria-pressed") == "true"
    assert "missed" in find(page, "#legend").text and "too much" in find(page, "#legend").text
    page.picture("explorer_errors")
    click(page, "#errors")
    assert bytes_of(page, 2) == both
    click(page, "#prediction")
    assert bytes_of(page, 2) == bytes_of(page, 1) == bytes_of(page, 0)  # the truth alone
    assert find(page, "#legend").text == "truth"
    truth = bytes_of(page, 0)
    click(page, "#truth")
    assert bytes_of(page, 2) == bytes_of(page, 0) != truth  # the bare slice
    assert find(page, "#legend").text == ""


def greys_of(browser, places):
    """Grey values of the first panel at places (x, y), each from 0 to 1."""
    return browser.script(
        """
        const one = document.querySelector('#panels canvas');
        const copy = new OffscreenCanvas(one.width, one.height).getContext('2d', {willReadFrequently: true});
        copy.drawImage(one, 0, 0);
        return arguments[0].map(([x, y]) => [Math.floor(x * one.width), Math.floor(y * one.height)])
          .map(([x, y]) => copy.getImageData(x, y, 1, 1).data[0]);
        """,
        places,
    )


def test_a_window_maps_its_width_around_its_level_to_black_and_white(page):
    full = greys_of(page, [(0.5, 0.5)])[0]
    assert 30 < full < 225
    Select(find(page, "#window")).select_by_value("contrast")
    assert greys_of(page, [(0.5, 0.5)])[0] == pytest.approx(min(255, max(0, (full - 2.55 * 25) * 2)), abs=3)
    slide = "const s = document.querySelector('#level'); s.value = 0; s.dispatchEvent(new Event('input'))"
    page.script(slide)
    assert greys_of(page, [(0.5, 0.5)])[0] == 255 or full < 2.55 * 25
    assert find(page, "#window").get_attribute("value") == "own"
    Select(find(page, "#window")).select_by_value("full")
    assert greys_of(page, [(0.5, 0.5)])[0] == full


def test_files_of_the_masks_are_named_and_linked(page):
    paths = page.script("return [...document.querySelectorAll('#files a')].map((one) => [one.textContent, one.href])")
    assert [path for path, _ in paths] == [
        "liver/native/labels/ann.nii.gz",
        *(
            f"liver/finetuned/{run}/draw1/predictions/ann.nii.gz"
            for run in ("scratch/n2", "regression/n2", "supervised/nall")
        ),
    ]
    assert all(Path(unquote(urlparse(address).path)).is_file() for _, address in paths)


def test_panels_stand_in_one_row_on_a_wide_screen(browser, made):
    browser.open(made.as_uri(), width=1440)
    browser.until(READY)
    click(browser, "#n-1")
    browser.until("document.querySelectorAll('#panels figure').length === 6")
    tops = "return [...document.querySelectorAll('#panels figure')].map((one) => one.getBoundingClientRect().top)"
    assert len(set(browser.script(tops))) == 1


def test_thin_slices_have_two_further_planes_with_the_patients_sides(browser, tmp_path):
    study = experiment(cohorts=("knee",), titles=(), draws=1)
    results = make(tmp_path, study, subjects=("ann",), shape=(24, 20, 12))
    # A bright block to the right of the patient, at the front, at the feet: the file grows to left, back and head.
    image = np.full((24, 20, 12), 0.1, np.float32)
    image[:8, :6, :3] = 1
    save(results / "knee/native/images/ann.nii.gz", image)
    _, made = page_of(results, study)
    browser.open(made.as_uri())
    browser.until(READY)
    planes = browser.script("return [...document.querySelector('#plane').options].map((one) => one.text)")
    assert planes == ["axial", "coronal", "sagittal"]
    corners = [(0.1, 0.1), (0.9, 0.1), (0.1, 0.9), (0.9, 0.9)]
    slide = "const s = document.querySelector('#slice'); s.value = arguments[0]; s.dispatchEvent(new Event('input'))"
    # Top left, top right, bottom left, bottom right: axial front right; coronal right feet; sagittal front feet.
    for plane, at, name, bright in (
        ("0", 1, "Slice 2 of 12", 0),
        ("1", 2, "Coronal 3 of 20", 2),
        ("2", 2, "Sagittal 3 of 24", 2),
    ):
        Select(find(browser, "#plane")).select_by_value(plane)
        browser.script(slide, at)
        browser.until(f"document.querySelector('#slice-text').textContent === {json.dumps(name)}")
        assert [grey > 127 for grey in greys_of(browser, corners)] == [place == bright for place in range(4)]
    assert texts(browser, "#panels .numbers")[1].startswith("Dice: volume 0.")
    assert browser.complaints() == []


def test_zoom_shows_the_target_larger_and_the_whole_again(page):
    def ratio():
        return page.script("const one = document.querySelector('#panels canvas'); return one.width / one.height")

    whole = bytes_of(page, 0)
    assert ratio() == pytest.approx(24 / 20, abs=0.05)
    click(page, "#zoom")
    # The target has 12 columns and 10 rows; a third of each is left on both sides.
    assert ratio() == pytest.approx((12 + 8) / (10 + 8), abs=0.02) and bytes_of(page, 0) != whole
    click(page, "#zoom")
    assert bytes_of(page, 0) == whole


def test_the_profile_shows_dice_of_all_slices_and_a_click_leads_to_one(page):
    page.script("document.querySelector('#profile').scrollIntoView({block: 'center', behavior: 'instant'})")
    lines = page.until("document.querySelector('#profile')._fullData?.map((one) => [...one.y])")
    assert len(lines) == 3 and all(len(line) == 6 for line in lines)
    assert lines[0] == [None, *[pytest.approx(12 / 18, abs=1e-3)] * 4, None]
    opened = "document.querySelector('#slice-text').textContent === 'Slice 4 of 6'"
    (text,) = click_point(page, opened, "#profile", "slice", "supervised", 3)
    assert "slice 4: Dice" in text


def test_worst_and_best_subjects_come_first(page):
    def first():
        page.until(READY)
        return page.script("return [...document.querySelector('#subject').options].map((one) => one.value)")

    assert first() == ["ann", "bob", "eve", HOSTILE]
    Select(find(page, "#order")).select_by_value("best")
    assert first() == [HOSTILE, "eve", "bob", "ann"]
    assert Select(find(page, "#subject")).first_selected_option.text.startswith(f"{HOSTILE}: Dice 0.")
    Select(find(page, "#order")).select_by_value("name")
    assert first() == [HOSTILE, "ann", "bob", "eve"]
    click(page, "#next")
    page.until("document.querySelector('#subject').value === 'ann'")


def test_several_n_and_another_draw_stand_side_by_side(page):
    before = dice_shown(page)
    click(page, "#n-1")
    page.until("document.querySelectorAll('#panels figure').length === 6")
    assert [name for name in texts(page, "#panels .name") if name.startswith("scratch")] == [
        "scratch, N = 1",
        "scratch, N = 2",
    ]
    Select(find(page, "#draw")).select_by_value("2")
    page.until(READY)
    click(page, "#n-1")
    page.until("document.querySelectorAll('#panels figure').length === 4")
    assert dice_shown(page) != before


# ------------------------------------------------------------------------------------------------ all kinds of people
def test_everything_is_reached_by_keyboard_alone(page):
    def press(*keys):
        ActionChains(page.driver).send_keys(*keys).perform()

    def tab_to(selector, most=60):
        for _ in range(most):
            if page.script("return document.activeElement.matches(arguments[0])", selector):
                return
            press(Keys.TAB)
        raise AssertionError(f"no way to {selector} by the tab key")

    tab_to("#method-0")
    press(Keys.SPACE)
    assert "scratch" not in shown_traces(page)
    press(Keys.SPACE)
    tab_to("#curves summary")
    press(Keys.ENTER)
    tab_to("#curves details button")
    press(Keys.ENTER)
    assert page.script("return document.activeElement.id") == "cell"
    tab_to("#cell tbody button")
    press(Keys.ENTER)
    page.until(READY)
    assert page.script("return document.activeElement.id") == "viewer"
    press(Keys.ARROW_RIGHT)
    page.until("document.querySelector('#subject').value === 'bob'")
    press("e", "c")
    assert find(page, "#errors").get_attribute("aria-pressed") == "true"
    assert find(page, "#truth").get_attribute("aria-pressed") == "false"
    press("n")
    page.until("document.querySelector('#n-2').checked && !document.querySelector('#n-1').checked")
    press("d")
    page.until("document.querySelector('#draw').value === '2'")
    press("o")
    page.until("document.querySelector('#order').value === 'best'")


def test_a_screen_reader_hears_what_is_there(page):
    unnamed = page.script(
        """
        const named = (one) => one.getAttribute('aria-label') || one.textContent.trim() || one.labels?.length ||
          document.getElementById(one.getAttribute('aria-labelledby'))?.textContent.trim();
        const parts = 'button, select, input, canvas, section, [role=img], [role=group]';
        const all = [...document.querySelectorAll(parts)].filter((one) => !one.hidden);
        return all.filter((one) => !named(one)).map((one) => one.outerHTML);
        """
    )
    assert unnamed == []
    assert page.script("return document.documentElement.lang") == "en"
    page.until(
        "document.querySelector('#status').textContent.includes('ann, slice 2 of 6. scratch, N = 2: Dice: slice 0.')"
    )
    ids = page.script("return [...document.querySelectorAll('[id]')].map((one) => one.id)")
    assert len(ids) == len(set(ids))


def test_names_and_titles_stay_text(page):
    assert texts(page, "#curve-cards h3") == [TITLE, "prostate"]
    assert page.script("return document.querySelectorAll('main img, main b, main i:not(.key i)').length") == 0
    assert HOSTILE in [one.split(":")[0] for one in texts(page, "#subject option")]
    page.script("openCell = null")  # no way into the page's own scope
    assert page.script("return typeof study") == "undefined" or page.script("return study instanceof HTMLElement")


@pytest.mark.parametrize("dark", [False, True])
def test_a_phone_shows_all_of_it_without_scrolling_sideways(browser, made, dark):
    browser.open(made.as_uri(), 360, 740, dark, phone=True)
    browser.until(READY)
    assert browser.script("return document.documentElement.scrollWidth") <= 360
    browser.script("document.querySelector('#volumes').scrollIntoView({behavior: 'instant'})")
    browser.picture(f"explorer_phone{'_dark' * dark}")
    wide = browser.script("return document.querySelector('#panels figure').getBoundingClientRect().width")
    assert wide >= 130
    assert browser.complaints() == []


def test_dark_mode_follows_the_system_and_can_be_chosen(browser, made):
    browser.open(made.as_uri(), dark=True)
    browser.until(READY)

    def contrast(selector):
        return browser.script(
            """
            const light = (text) => { const part = text.match(/[\\d.]+/g).slice(0, 3).map((one) => one / 255)
                .map((one) => (one <= 0.03928 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4));
              return 0.2126 * part[0] + 0.7152 * part[1] + 0.0722 * part[2]; };
            let one = document.querySelector(arguments[0]);
            const ink = light(getComputedStyle(one).color);
            while (/rgba\\(0, 0, 0, 0\\)/.test(getComputedStyle(one).backgroundColor)) one = one.parentElement;
            const ground = light(getComputedStyle(one).backgroundColor);
            return (Math.max(ink, ground) + 0.05) / (Math.min(ink, ground) + 0.05);
            """,
            selector,
        )

    places = [
        "h1",
        ".hint",
        "#panels .numbers",
        ".chip .name",
        "a",
        "#truth",
        "#errors",
        "summary",
        "#facts-table th",
    ]
    for theme in ("dark", "light"):
        assert browser.script("return document.documentElement.dataset.theme") == theme
        assert {place: ratio for place in places if (ratio := contrast(place)) < 4.5} == {}
        browser.picture(f"explorer_{theme}")
        click(browser, "#theme")
    assert browser.complaints() == []


def test_it_works_from_a_web_server_too_and_asks_for_nothing_but_itself(browser, made):
    handler = functools.partial(SimpleHTTPRequestHandler, directory=made.parent)
    handler.log_message = lambda *_: None
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        address = f"http://127.0.0.1:{server.server_port}/explorer.html"
        browser.open(address)
        browser.until(READY)
        assert browser.complaints(allowed=[address]) == []
    finally:
        server.shutdown()


def test_the_policy_stops_whatever_would_ask_for_a_network(browser, made):
    browser.open(made.as_uri())
    browser.until(READY)
    asked = (
        "const image = new Image(); image.src = 'http://127.0.0.1:9/x'; fetch('http://127.0.0.1:9/y').catch(() => {})"
    )
    browser.script(asked)
    browser.until("true")
    said = browser.complaints(allowed=["http://127.0.0.1:9/"])
    assert said and all("Content Security Policy" in text for text in said)
