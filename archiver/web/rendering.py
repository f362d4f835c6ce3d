"""Renders the templates of the web pages, with all values escaped."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from archiver.search.engine import format_published
from archiver.web.web_requests import PageResponse, WebRequest

# Templates.

_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")
Links = Callable[[str], str]


def render_page(answer: PageResponse, request: WebRequest, navigation: Sequence[tuple[str, str]], static: Links) -> str:
    """Renders a page as HTML. `navigation` contains (label, path) pairs; `static` returns the URL of a static file."""
    return (
        _make_environment()
        .get_template(answer.template)
        .render(**answer.values, request=request, link=request.link, navigation=navigation, static=static)
    )


@cache
def _make_environment() -> Environment:
    made = Environment(
        loader=PackageLoader("archiver.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        marked=mark_text,
        day=format_published,
        instant=format_minute,
        number=format_number,
        language=valid_language,
        web=safe_url,
    )
    return made


def mark_text(text: str, marks: Sequence[tuple[int, int]]) -> Markup:
    """Returns a text as HTML in which the ranges (start, end) of `marks` are in <mark> elements."""
    out, at = Markup(), 0
    for start, end in marks:
        out += escape(text[at:start]) + Markup("<mark>") + escape(text[start:end]) + Markup("</mark>")
        at = end
    return out + escape(text[at:])


def format_minute(moment: str | None) -> str:
    """Formats a stored time in UTC, to the minute; "never" for None."""
    return f"{moment[:16].replace('T', ' ')} UTC" if moment else "never"


def format_number(value: float) -> str:
    """Formats a number with thousands separators."""
    return f"{value:,}" if isinstance(value, int | float) else str(value)  # another program may have stored a string


def valid_language(tag: str | None) -> str:
    """Returns a language tag for the `lang` attribute of HTML (BCP 47); "" if the stored value is not a valid tag."""
    return tag if tag and _LANGUAGE.fullmatch(tag) else ""


def safe_url(url: Any) -> str:
    """Returns a URL if it is safe to link (http or https); "" for any other URL, since it might run code or open local
    files.
    """
    text = str(url or "")
    return text if re.match(r"https?://", text, re.IGNORECASE) else ""
