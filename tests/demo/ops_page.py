"""The operator's page as a person uses it: each step waits for what the page shows."""

from __future__ import annotations

from typing import Any

from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from tests.demo.pages import until_shown

_KEPT = "return JSON.stringify([{...sessionStorage}, {...localStorage}, document.cookie])"
_ADDRESSES = 'return performance.getEntriesByType("resource").map(({name}) => name)'


class OpsPage:
    """A tab with the page of this gateway."""

    def __init__(self, browser: Chrome, url: str) -> None:
        self._browser = browser
        self._url = url

    def open(self) -> None:
        """As somebody new."""
        self._browser.get(f"{self._url}/docs.css")
        self.run("sessionStorage.clear()")
        self._browser.get(f"{self._url}/ops")
        self.wait_for("#sign-in form")

    def sign_in(self, key: str) -> None:
        self._browser.find_element(By.ID, "key").send_keys(f"{key}\n")

    def wait_for(self, selector: str, text: str = "") -> None:
        """Return once an element is there to be seen, with this in its text."""

        def seen(browser: Chrome) -> bool:
            found = browser.execute_script(
                "return [...document.querySelectorAll(arguments[0])]"
                ".filter((one) => one.checkVisibility()).map((one) => one.innerText)",
                selector,
            )
            return any(text in one for one in found)

        until_shown(self._browser, seen, f"{selector} with {text!r}")

    def wait_until_gone(self, selector: str) -> None:
        until_shown(
            self._browser,
            lambda browser: not browser.find_elements(By.CSS_SELECTOR, selector),
            f"{selector} is still there",
        )

    def click(self, selector: str) -> None:
        self._browser.find_element(By.CSS_SELECTOR, selector).click()

    def explain(self, what: str, **fields: str) -> None:
        """Fill a form of the look-ups in, and send it."""
        for name, value in fields.items():
            field = self._browser.find_element(By.CSS_SELECTOR, f"#ask-{what} [name={name}]")
            field.clear()
            field.send_keys(value)
        self.click(f"#ask-{what} button")

    def text(self, selector: str) -> str:
        return self._browser.find_element(By.CSS_SELECTOR, selector).text

    def source(self) -> str:
        return self._browser.page_source

    def run(self, script: str) -> Any:
        return self._browser.execute_script(script)

    def kept(self) -> str:
        """Whatever the page has put away."""
        kept: str = self.run(_KEPT)
        return kept

    def addresses(self) -> list[str]:
        """Whatever it has asked for."""
        return [*self.run(_ADDRESSES), self._browser.current_url]

    def complaints(self) -> list[str]:
        """What the console says of errors in scripts, and of what the policy has stopped.

        That an answer was 403 is no complaint.
        """
        log = self._browser.execute("getLog", {"type": "browser"})["value"]
        of_page = [line for line in log if line["source"] != "network"]
        return [line["message"] for line in of_page if line["level"] == "SEVERE"]
