"""Runs Debian's Chromium, and records what a page without active content must not do: dialogs, requests to other hosts,
policy violations.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.plain_stack import without_source_lines
from tests.waiting import PATIENCE

# Where it is installed, the engine alone: without menus, extensions and profiles, it takes two thirds of the CPU time.
_PROGRAMS = ("/usr/bin/chromium-headless-shell", "/usr/bin/chromium")
CHROMIUM = next((program for program in _PROGRAMS if Path(program).exists()), "chromium")
SHOTS = Path(__file__).parents[2] / "output" / "screenshots"
# No other host can be resolved, whatever is requested.
_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]


@dataclass(slots=True)
class Watch:
    """A browser page (`page`, Playwright's) and the events recorded while it is used."""

    page: Any
    own: str
    dialogs: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    answers: dict[str, int] = field(default_factory=dict)

    def open(self, path: str) -> Any:
        """Load a page of the server and return its response."""
        return self.page.goto(self.own + path, wait_until="load")

    def shot(self, name: str) -> None:
        """Save a screenshot of the page as a result of the build."""
        SHOTS.mkdir(parents=True, exist_ok=True)
        # The caret stays visible: to hide it, Playwright would add a style to the page, which our policy forbids.
        # A JPEG is written in a fraction of the time of a PNG.
        self.page.screenshot(path=SHOTS / f"{name}.jpeg", full_page=True, caret="initial")

    def forget(self) -> None:
        """Leave the page, and forget what it recorded and stored, as in a new context. A new one costs Chromium half a
        second of CPU time.
        """
        session = self.page.context.new_cdp_session(self.page)
        session.send("Storage.clearDataForOrigin", {"origin": self.own, "storageTypes": "all"})
        session.detach()
        self.page.context.clear_cookies()
        self.page.goto("about:blank")
        for record in (self.dialogs, self.elsewhere, self.refused, self.errors, self.answers):
            record.clear()

    @property
    def acted(self) -> list[str]:
        """Return everything the page did that a page without active content does not do."""
        return [*self.dialogs, *self.elsewhere, *self.refused, *self.errors]


@contextmanager
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api")
    playwright.expect.set_options(timeout=PATIENCE * 1_000)
    with without_source_lines(), playwright.sync_playwright() as running:
        made = running.chromium.launch(executable_path=CHROMIUM, args=_ARGUMENTS)
        yield made
        made.close()


@contextmanager
def watching(browser: Any, own: str, **options: Any) -> Iterator[Watch]:
    """Open a new browser context. `own` is the address of the server; requests to all other addresses are recorded."""
    context = browser.new_context(**options)
    watch = Watch(context.new_page(), own)

    def asked(request: Any) -> None:
        if not request.url.startswith((own, "data:", "blob:", "about:")):
            watch.elsewhere.append(f"{request.method} {request.url}")

    def said(message: Any) -> None:
        if "Content Security Policy" in message.text or "Refused to" in message.text:
            watch.refused.append(message.text)

    def dialog(shown: Any) -> None:
        watch.dialogs.append(f"{shown.type}: {shown.message}")
        shown.dismiss()

    page = watch.page
    page.set_default_timeout(PATIENCE * 1_000)
    page.on("dialog", dialog)
    page.on("request", asked)
    page.on("console", said)
    page.on("pageerror", lambda error: watch.errors.append(str(error)))
    page.on("popup", lambda popup: watch.errors.append(f"popup {popup.url}"))
    page.on("response", lambda answer: watch.answers.update({answer.url.removeprefix(own): answer.status}))
    yield watch
    context.close()
