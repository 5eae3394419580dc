"""A real browser without a network: Chromium as Debian has it, driven by Selenium."""

import json
import shutil
import time
from pathlib import Path

import pytest

from helpers.programs import skip_without

ARTEFACTS = Path(__file__).with_name("artefacts")
"""Screenshots, for people to look at; not in git."""
LOCAL = ("file:", "data:", "blob:", "about:", "chrome:")


class Browser:
    """One window. What it asks of a network and what its console says is kept for `complaints`."""

    def __init__(self, driver):
        self.driver = driver
        self.script = driver.execute_script

    def open(self, address, width=1280, height=900, dark=False, phone=False):
        """Open an address in a window of that size and wait until the page has settled."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": phone}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
        self.driver.get(address)

    def until(self, script, seconds=120):
        """The first true value that a script gives; fails with the script if there is none in time."""
        end = time.monotonic() + seconds
        while not (value := self.script(f"return {script}")):
            assert time.monotonic() < end, f"never true: {script}"
            time.sleep(0.05)
        return value

    def picture(self, name):
        """Keep a screenshot."""
        ARTEFACTS.mkdir(exist_ok=True)
        self.driver.save_screenshot(str(ARTEFACTS / f"{name}.png"))

    def complaints(self, allowed=()):
        """Since the last call: messages of the console, and requests that left this machine's files.

        `allowed`: beginnings of further addresses, such as that of a test's own server.
        """
        said = [entry["message"] for entry in self.driver.get_log("browser")]
        events = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        urls = [one["params"]["request"]["url"] for one in events if one["method"] == "Network.requestWillBeSent"]
        sockets = [one["params"]["url"] for one in events if one["method"] == "Network.webSocketCreated"]
        return [*said, *(url for url in [*urls, *sockets] if not url.startswith((*LOCAL, *allowed)))]


@pytest.fixture(scope="session")
def session_browser(tmp_path_factory):
    skip_without("chromium", "chromedriver")
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    profile = tmp_path_factory.mktemp("profile")
    for argument in (
        "--headless=new",
        "--no-sandbox",  # tests may run as root, in a container
        "--disable-dev-shm-usage",
        "--disable-background-networking",
        "--proxy-server=127.0.0.1:9",  # nothing listens there: what asks for a network fails
        "--proxy-bypass-list=127.0.0.1",
        f"--user-data-dir={profile}",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    window = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield Browser(window)
    window.quit()


@pytest.fixture
def browser(session_browser):
    """The browser, without what an earlier test left in its logs."""
    session_browser.complaints()
    return session_browser
