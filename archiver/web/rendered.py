"""Templates: where they are, and what they know. Every value is escaped."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from archiver.search.values import published
from archiver.web.answer import Answer, Wanted

_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")
Links = Callable[[str], str]


def rendered(answer: Answer, asked: Wanted, navigation: Sequence[tuple[str, str]], static: Links) -> str:
    """The page as HTML; `navigation` are labels and addresses, `static` gives the address of a file that is shipped."""
    return _environment().get_template(answer.template).render(
        **answer.values, asked=asked, link=asked.link, navigation=navigation, static=static)


@cache
def _environment() -> Environment:
    made = Environment(loader=PackageLoader("archiver.web"), autoescape=True, undefined=StrictUndefined,
                       trim_blocks=True, lstrip_blocks=True)
    made.filters.update(marked=marked, day=published, instant=instant, number=number, language=language, web=web)
    return made


def marked(text: str, marks: Sequence[tuple[int, int]]) -> Markup:
    """A text in which stretches (start, end) are marked."""
    out, at = Markup(), 0
    for start, end in marks:
        out += escape(text[at:start]) + Markup("<mark>") + escape(text[start:end]) + Markup("</mark>")
        at = end
    return out + escape(text[at:])


def instant(moment: str | None) -> str:
    """A time of the archive's own (UTC), to the minute."""
    return f"{moment[:16].replace('T', ' ')} UTC" if moment else "never"


def number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int | float) else str(value)  # another program may have written it


def language(tag: str | None) -> str:
    """A language tag as `lang` takes it (BCP 47), "" where what is stored is none."""
    return tag if tag and _LANGUAGE.fullmatch(tag) else ""


def web(url: Any) -> str:
    """An address that may be a link: of the web; "" for any other, which would be run or read from here."""
    text = str(url or "")
    return text if re.match(r"https?://", text, re.IGNORECASE) else ""
