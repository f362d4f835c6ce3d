"""Removes impossible values from extracted articles: dates in the future, coordinates off the globe, and names without
a letter.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from archiver.markup.text_marks import carry_marks
from archiver.model.fields import LINES, PAGE_LISTS, PAGE_TIMES, PROSE
from archiver.model.items import Article, GeoTag, Mark
from archiver.model.lazy_regex import lazy_regex

_TOMORROW = timedelta(days=1)


_EARLIEST = datetime(1600, 1, 1, tzinfo=UTC)


_CONTROL = lazy_regex(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufeff\ufffe\uffff]|[\ud800-\udfff]")


def drop_impossible_values(article: Article, at: datetime) -> tuple[Article, tuple[str, ...]]:
    """Returns the article without values that cannot be true, and a phrase for each dropped date and for dropped
    coordinates. `at` is the time of the article's capture.

    A date is dropped if it is before the year 1600, or more than a day after the capture (time zones explain up to a
    day). A geo-tag is dropped if it is off the globe, or has neither coordinates nor a name. Names without a letter or
    digit are dropped without a phrase. Control characters and unpaired surrogates, which neither a database nor JSON
    can store, are removed from texts.
    """
    problems: list[str] = []
    values: dict[str, object] = {name: _clean_text(getattr(article, name)) for name in PROSE}
    for name in LINES:
        values[name] = re.sub(r"\s+", " ", str(values[name])).strip()
    for name in PAGE_LISTS:
        values[name] = _clean_names(getattr(article, name))
    for name in PAGE_TIMES:
        time: datetime | None = getattr(article, name)
        if time is not None and not _EARLIEST <= _with_zone(time) <= at + _TOMORROW:
            problems.append(f"dropped {name} {time.date()}, which is after the capture or before {_EARLIEST.year}")
            time = None
        values[name] = _with_zone(time) if time else None
    if values["published"] is None:
        values["published_precision"] = None
    kept = tuple(g for g in article.geotags if _is_on_globe(g))
    if len(kept) < len(article.geotags):
        problems.append("dropped a position that is off the globe")
    marks = tuple(_clean_mark(m) for m in carry_marks(article.body, article.markup, str(values["body"])))
    return replace(article, geotags=kept, markup=marks, **values), tuple(problems)  # type: ignore[arg-type]


def _clean_text(value: str) -> str:
    return _CONTROL.sub("", value.replace("\r\n", "\n").replace("\r", "\n")).strip()


def _clean_mark(mark: Mark) -> Mark:
    texts = (mark.value, mark.alt, mark.caption, mark.link)
    if all(text.isprintable() for text in texts):
        return mark
    value, alt, caption, link = map(_clean_text, texts)
    return replace(mark, value=value, alt=alt, caption=caption, link=link)


def _clean_names(values: tuple[str, ...]) -> tuple[str, ...]:
    names = (re.sub(r"\s+", " ", _clean_text(v)).strip() for v in values)
    return tuple(dict.fromkeys(n for n in names if re.search(r"\w", n)))


def _with_zone(time: datetime) -> datetime:
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _is_on_globe(tag: GeoTag) -> bool:
    if tag.latitude is None or tag.longitude is None:
        return bool(tag.placename or tag.region)
    return -90 <= tag.latitude <= 90 and -180 <= tag.longitude <= 180
