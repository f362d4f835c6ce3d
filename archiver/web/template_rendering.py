"""Renders the templates of the web pages, with all values escaped."""

from __future__ import annotations

import calendar
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache, partial
from typing import Any
from zlib import crc32

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from slugify import slugify

from archiver.api.citations import format_coins
from archiver.api.texts import text_direction
from archiver.model.items import format_degrees, format_published
from archiver.web.web_requests import PageResponse, WebRequest, without_commands

# Templates.

_ARTICLE = re.compile(r"^(?:the|der|die|das|het|le|la|les|el|los|las|il|o|a)\s+(?=\w)", re.IGNORECASE)
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")
Links = Callable[[str], str]


def render_page(answer: PageResponse, request: WebRequest, navigation: Sequence[tuple[str, str]], static: Links) -> str:
    """Renders a page as HTML. `navigation` contains (label, path) pairs; `static` returns the URL of a static file."""
    return (
        _make_environment()
        .get_template(answer.template)
        .render(
            **answer.values,
            request=request,
            link=request.link,
            navigation=navigation,
            static=static,
            archive_title=request.title,
            here=request.path,
            sought=request.one("q"),
        )
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
        count=format_count,
        dated=format_time,
        timed=format_instant,
        coins=lambda hit, site: format_coins(replace(hit, site=site)),
        coordinates=format_coordinates,
        ld_json=format_json_ld,
        file_name=lambda text: slugify(text)[:60] or "file",
        period=name_period,
        tint=choose_tint,
        initial=first_letter,
        language=valid_language,
        tongue=name_language,
        direction=partial(text_direction, None),
        web=safe_url,
        readers=without_commands,
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


def format_count(number: int, noun: str, plural: str = "") -> str:
    """Formats a number with its noun: "1 article", "1,234 articles". `plural` is for nouns whose plural does not end in
    an added s.
    """
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def format_time(moment: str | None, precision: str | None = None) -> Markup:
    """Returns a stored time as a <time> element that says its day in words ("8 June 2024") and shows the exact value on
    hover; as "undated" if there is none. A `precision` of month or year leaves out what the page does not give.
    """
    found = re.match(r"(\d{4})(?:-(\d\d))?(?:-(\d\d))?", moment or "")
    if not found:
        return Markup("undated")
    year, month, day = found.groups()
    if precision == "year" or not 1 <= int(month or 0) <= 12:
        month = None
    words = [str(int(day))] if month and day and precision != "month" else []
    words += [calendar.month_name[int(month)]] if month else []
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        moment, format_published(moment, precision), " ".join([*words, year])
    )


def format_instant(moment: str | None) -> Markup:
    """Returns a stored time as a <time> element that says its day in words and its minute in UTC ("8 June 2024, 12:40
    UTC") and shows the exact value on hover; as "never" if there is none.
    """
    found = re.match(r"(\d{4})-(0[1-9]|1[0-2])-(\d\d)[T ](\d\d:\d\d)", moment or "")
    if not found:
        return Markup(escape(moment or "never"))
    year, month, day, minute = found.groups()
    return Markup('<time datetime="{}" title="{}">{} {} {}, {} UTC</time>').format(
        moment, moment, int(day), calendar.month_name[int(month)], year, minute
    )


def format_coordinates(tag: Mapping[str, Any]) -> str:
    """Returns the coordinates of a place for readers: "38.69° N, 9.15° W"."""
    latitude, longitude = tag["latitude"], tag["longitude"]
    north = f"{format_degrees(round(abs(latitude), 4))}° {'S' if latitude < 0 else 'N'}"
    return f"{north}, {format_degrees(round(abs(longitude), 4))}° {'W' if longitude < 0 else 'E'}"


def format_json_ld(data: Any) -> Markup:
    """Returns data as the content of a <script type="application/ld+json"> element, which no text in it can end."""
    text = json.dumps(data, ensure_ascii=False)
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


def name_period(period: str) -> str:
    """Returns a year, month or day in words: 2023, Jul 2023, 14 Jul 2023."""
    year, *rest = period.split("-")
    return " ".join([*(str(int(day)) for day in rest[1:]), *(calendar.month_abbr[int(n)] for n in rest[:1]), year])


TINTS = 8
"""The number of colours of the icons of sites; the stylesheet has a class for each."""


def choose_tint(site: str) -> int:
    """Returns the number of the colour of a site's icon, which depends on its name alone."""
    return crc32(site.encode("utf-8", "replace")) % TINTS


def first_letter(site: str) -> str:
    """Returns the letter or digit on the icon of a site: that of the first word after an article ("The Quay": Q)."""
    name = _ARTICLE.sub("", site.removeprefix("www."), count=1)
    return next((letter.upper() for letter in name if letter.isalnum()), "?")


def valid_language(tag: str | None) -> str:
    """Returns a language tag for the `lang` attribute of HTML (BCP 47); "" if the stored value is not a valid tag."""
    return tag if tag and _LANGUAGE.fullmatch(tag) else ""


_LANGUAGE_NAMES = (
    "af Afrikaans|am Amharic|ar Arabic|as Assamese|az Azerbaijani|ba Bashkir|be Belarusian|bg Bulgarian|"
    "bn Bengali|bo Tibetan|br Breton|bs Bosnian|ca Catalan|ceb Cebuano|ckb Central Kurdish|cmn Mandarin Chinese|"
    "co Corsican|cs Czech|cv Chuvash|cy Welsh|da Danish|de German|dv Dhivehi|el Greek|en English|eo Esperanto|"
    "es Spanish|et Estonian|eu Basque|fa Persian|fi Finnish|fil Filipino|fo Faroese|fr French|fy Western Frisian|"
    "ga Irish|gd Scottish Gaelic|gl Galician|gsw Swiss German|gu Gujarati|ha Hausa|haw Hawaiian|he Hebrew|"
    "hi Hindi|hr Croatian|ht Haitian Creole|hu Hungarian|hy Armenian|id Indonesian|ig Igbo|is Icelandic|"
    "it Italian|iw Hebrew|ja Japanese|jv Javanese|ka Georgian|kk Kazakh|km Khmer|kn Kannada|ko Korean|ku Kurdish|"
    "kv Komi|ky Kyrgyz|la Latin|lb Luxembourgish|lo Lao|lt Lithuanian|lv Latvian|lzh Literary Chinese|"
    "mg Malagasy|mi Maori|mk Macedonian|ml Malayalam|mn Mongolian|mr Marathi|ms Malay|mt Maltese|my Burmese|"
    "nb Norwegian Bokmål|ne Nepali|nl Dutch|nn Norwegian Nynorsk|no Norwegian|oc Occitan|om Oromo|or Odia|"
    "os Ossetian|pa Punjabi|pl Polish|ps Pashto|pt Portuguese|qu Quechua|rm Romansh|rn Kirundi|ro Romanian|"
    "ru Russian|rw Kinyarwanda|sa Sanskrit|sah Sakha|sc Sardinian|sd Sindhi|se Northern Sami|si Sinhala|"
    "sk Slovak|sl Slovenian|so Somali|sq Albanian|sr Serbian|st Sesotho|su Sundanese|sv Swedish|sw Swahili|"
    "ta Tamil|te Telugu|tg Tajik|th Thai|ti Tigrinya|tk Turkmen|tl Tagalog|tn Tswana|tr Turkish|tt Tatar|"
    "tyv Tuvan|udm Udmurt|ug Uyghur|uk Ukrainian|ur Urdu|uz Uzbek|vi Vietnamese|wo Wolof|wuu Wu Chinese|xh Xhosa|"
    "yi Yiddish|yo Yoruba|yue Cantonese|zh Chinese|zu Zulu"
)
_LANGUAGES = dict(entry.split(" ", 1) for entry in _LANGUAGE_NAMES.split("|"))
"""The English name of a language by its subtag (ISO 639, as in CLDR)."""
_SCRIPTS = {"hans": "simplified", "hant": "traditional", "latn": "Latin", "cyrl": "Cyrillic", "arab": "Arabic script"}


def name_language(tag: str | None) -> str:
    """Returns the English name of a language tag (BCP 47), with its script and region if it has them: "Chinese
    (simplified)", "English (GB)". A language that is not in the table is returned as its tag.
    """
    first, *rest = (tag or "").replace("_", "-").split("-")
    name = _LANGUAGES.get(first.lower())
    if name is None:
        return tag or ""
    more = [_SCRIPTS.get(one.lower(), one.upper() if len(one) == 2 else "") for one in rest]
    shown = ", ".join(one for one in more if one)
    return f"{name} ({shown})" if shown else name


def safe_url(url: Any) -> str:
    """Returns a URL if it is safe to link (http or https); "" for any other URL, since it might run code or open local
    files.
    """
    text = str(url or "")
    return text if re.match(r"https?://", text, re.IGNORECASE) else ""
