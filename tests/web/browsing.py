"""A real browser: Debian's chromium by way of Playwright, with all that it complains of written down."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, ConsoleMessage, Dialog, Page, sync_playwright

SCREENSHOTS = Path(__file__).parents[2] / "output" / "screenshots"
PHONE, DESKTOP = (390, 844), (1280, 900)
_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-proxy-server"]


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=_ARGUMENTS)
        yield browser
        browser.close()


@dataclass
class Looked:
    """A page, and what went wrong on it: dialogs that scripts opened, what a policy blocked, errors of scripts,
    requests to elsewhere, answers of the server that are errors."""

    page: Page
    wrong: list[str] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.page, name)


@contextmanager
def looking(browser: Browser, address: str, size: tuple[int, int] = DESKTOP, *, scripts: bool = True, dark: bool = False
            ) -> Iterator[Looked]:
    """A page at no address yet; those it is sent to begin with `address`."""
    context = browser.new_context(viewport={"width": size[0], "height": size[1]}, java_script_enabled=scripts,
                                  base_url=address, color_scheme="dark" if dark else "light", reduced_motion="reduce")
    looked = Looked(context.new_page())
    looked.page.set_default_timeout(10_000)

    def dialog(opened: Dialog) -> None:
        looked.wrong.append(f"dialog: {opened.message}")
        opened.dismiss()

    def console(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            looked.wrong.append(message.text)

    looked.page.on("dialog", dialog)
    looked.page.on("console", console)
    looked.page.on("pageerror", lambda error: looked.wrong.append(f"script: {error}"))
    looked.page.on("request", lambda request: None if request.url.startswith((address, "data:")) else
                   looked.wrong.append(f"asked elsewhere: {request.url}"))
    try:
        yield looked
    finally:
        context.close()


def picture(page: Page, name: str) -> None:
    """Keep how it looks as a build result."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True, caret="initial")
