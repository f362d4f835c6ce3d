"""Soft 404s and posts with the same frame; walls, and posts with a notice."""

from __future__ import annotations

import pytest
from lxml import html

from archiver.discovery.soft_404 import (
    SoftNotFoundProfile,
    detect_wall,
    fingerprint_of,
    probe_url,
    profile_from_json,
    profile_to_json,
)
from archiver.model.urls import Scope

FRAME = "<p>" + " ".join(f"word{n}" for n in range(300)) + "</p>"


def look(title: str, body: str, url: str = "https://example.org/x1y2/") -> object:
    return fingerprint_of(html.document_fromstring(f"<html><body>{body}</body></html>"), title, url)


NOTHING = SoftNotFoundProfile("https://example.org/x1y2/", 200, "", look("Ekki fannst", f"{FRAME}<h1>Ekki fannst</h1>"))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("title", "body", "url", "is_like"),
    [
        ("Ekki fannst", f"{FRAME}<h1>Ekki fannst</h1>", "https://example.org/lost/", True),
        ("Ekki fannst: lost", f"{FRAME}<h1>Ekki fannst</h1><p>lost</p>", "https://example.org/lost/", True),
        ("A post", f"{FRAME}<h1>A post</h1><p>One line.</p>", "https://example.org/other/", False),
        (
            "Ekki fannst",
            f"{FRAME}<h1>A line of its own</h1><p>is enough for a post to be one, though it be short.</p>",
            "https://example.org/p/",
            False,
        ),
    ],
)
def test_pages_like_the_soft_404(title: str, body: str, url: str, is_like: bool) -> None:
    assert NOTHING.is_like(look(title, body, url)) is is_like  # type: ignore[arg-type]


def test_a_page_filled_by_a_script_proves_nothing() -> None:
    shell = SoftNotFoundProfile("https://example.org/x/", 200, "", look("App", "<div id=app></div>"))  # type: ignore[arg-type]
    assert not shell.is_like(look("App", "<div id=app></div>"))  # type: ignore[arg-type]


def test_the_profile_round_trips_through_json() -> None:
    assert profile_from_json(profile_to_json(NOTHING)) == NOTHING
    moved = SoftNotFoundProfile("https://example.org/x/", 302, "org,example)/")
    assert profile_from_json(profile_to_json(moved)) == moved
    assert moved.leads_to("https://www.example.org/")
    assert profile_from_json(None) is None
    assert profile_from_json("{") is None
    plain = SoftNotFoundProfile("https://example.org/x/", 404)
    assert not plain.location
    assert moved.location
    assert plain.look is moved.look is None


def test_the_probe_is_in_the_sites_folder() -> None:
    assert (
        probe_url("https://example.org/blog/", Scope("example.org", "/blog/"), "ab12")
        == "https://example.org/blog/ab12/"
    )


BUTTON = "<form><button>Accept all cookies</button></form>"
PASSWORD = "<form><input type=password></form>"


@pytest.mark.parametrize(
    ("title", "body", "wall"),
    [
        ("Log in", f"<h1>Log in</h1>{PASSWORD}", "login wall"),
        ("Anmelden", f"<h1>Bitte</h1>{PASSWORD}", "login wall"),
        ("Before you continue", f"<p>We use cookies.</p>{BUTTON}", "consent wall"),
        ("Datenschutz", "<p>Wir und 800 Partner nutzen Cookies.</p><button>Akzeptieren</button>", "consent wall"),
        ("Log in to the machine", "<h1>Log in to the machine</h1><p>How I did it.</p>", ""),
        ("A post", f"<h1>A post</h1><p>Its text.</p><div>We use cookies {BUTTON}</div>", ""),
        ("Cookies for Christmas", f"<h1>Cookies for Christmas</h1><p>{'Flour and butter. ' * 200}</p>{BUTTON}", ""),
        ("Privacy", "<h1>Privacy</h1><p>We keep nothing.</p>", ""),
    ],
)
def test_walls_are_recognised(title: str, body: str, wall: str) -> None:
    assert detect_wall(html.document_fromstring(f"<html><body>{body}</body></html>"), title) == wall
