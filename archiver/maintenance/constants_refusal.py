"""Finds the constants of a site at the end of a run: values that belong to the site and not to its posts. Articles that
have one of them as a value are extracted again without it, from their captures.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from archiver.extraction.normalization import fold_text
from archiver.extraction.site_rules import (
    DECLARED_IN_HEAD,
    MAX_BODY_LENGTH,
    MIN_POSTS,
    SHARE,
    SHARE_OF_BODY,
    SiteConstants,
    body_key,
    constant_bylines,
    constant_days,
    constant_tails,
    hides_others,
    titles_everywhere,
)
from archiver.maintenance.capture_reader import extract_from_capture
from archiver.maintenance.reextraction_request import ReextractionRequest
from archiver.maintenance.reextraction_run import begin_reextraction, reextract, reextract_all
from archiver.model.fields import MEASURED, OWN_TEXTS
from archiver.model.items import Article, Evidence
from archiver.storage import Database
from archiver.storage.articles import article_from_row
from archiver.storage.field_evidence import decode_evidence
from archiver.storage.stored_rules import add_constants, rules_valid_at
from archiver.storage.transactions import writing

_SAMPLE = 200
"""At most this many articles are examined to decide whether a title is a constant."""
_MOST_ARTICLES = 2_000
"""At most this many articles are extracted again in one run; the next run continues."""
_PLACED, _MOST_TITLES, _OTHERS, _SHOWN = 3, 10, 10, 0.8
"""A title is a placeholder if at least `_PLACED` posts have it, none of their pages shows it, and at least the share
`_SHOWN` of the `_OTHERS` newest other posts show their titles. The `_MOST_TITLES` most frequent titles are examined."""
_COLUMNS = tuple(name for name in OWN_TEXTS if name in MEASURED)
_LIVE = "site = :site and gone_at is null and id not in (select article_id from withdrawn_articles)"


def find_stored_constants(db: Database, site: str) -> SiteConstants:
    """Returns the constants of a site: values that belong to the site and not to a post. They are found by comparing
    all of its stored articles (see `site_rules.find_constants`).
    """
    total = db.execute(f"select count(*) from articles where {_LIVE}", {"site": site}).fetchone()[0]
    frequent = (title for title in _frequent(db, site, "title", total) if _is_constant_title(db, site, title))
    newest = _newest(db, site)
    titles = tuple(dict.fromkeys((*frequent, *titles_everywhere(_without_learned(newest, "title")))))
    bodies = Counter(
        body_key(body)
        for (body,) in db.execute(
            f"select body from articles where {_LIVE} and length(body) between 1 and :most",
            {"site": site, "most": MAX_BODY_LENGTH - 1},
        )
    )
    return SiteConstants(
        titles,
        constant_tails(_without_learned(newest, "title")),
        _frequent(db, site, "image", total),
        _frequent(db, site, "description", total),
        tuple(sorted(key for key, n in bodies.items() if key and n >= max(MIN_POSTS, SHARE_OF_BODY * total))),
        days=constant_days(newest),
        bylines=constant_bylines(_without_learned(newest, "authors")),
    )


def _frequent(db: Database, site: str, column: str, total: int) -> tuple[str, ...]:
    rows = db.execute(
        f"select {column} from articles where {_LIVE} and {column} <> '' "
        "group by 1 having count(*) >= :least order by 1",
        {"site": site, "least": max(MIN_POSTS, SHARE * total)},
    )
    return tuple(row[0] for row in rows)


def _is_constant_title(db: Database, site: str, title: str) -> bool:
    rows = db.query(
        f"select * from articles where {_LIVE} and title = :title order by id limit :most",
        {"site": site, "title": title, "most": _SAMPLE},
    )
    return hides_others(title, [_with_evidence(db, row) for row in list(rows)])


def find_placeholder_titles(
    db: Database, folder: Path, site: Mapping[str, Any], known: SiteConstants
) -> tuple[str, ...]:
    """Returns placeholder titles: titles that several posts of a site declare but do not show, although its other posts
    show theirs. A theme may declare such a title for each post without one. `folder` is the archive's folder; titles
    among the `known` constants are left out.
    """
    repeated = db.execute(
        f"select title from articles where {_LIVE} and title <> '' and capture_id is not null group by title "
        "having count(*) >= :least and 2 * count(*) < (select count(*) from articles where site = :site) "
        "order by count(*) desc, title limit :most",
        {"site": site["name"], "least": _PLACED, "most": _MOST_TITLES},
    )
    found = [t for (t,) in repeated if not known.refuses_title(t) and not _is_shown_on_any(db, folder, site, t)]
    if not found:
        return ()
    others = db.query(
        f"select * from articles where {_LIVE} and title <> '' and capture_id is not null and title not in "
        "(select value from json_each(:titles)) order by id desc limit :most",
        {"site": site["name"], "titles": json.dumps(found), "most": _OTHERS},
    )
    shown = [_shows_its_title(db, folder, site["id"], row) for row in list(others)]
    return tuple(found) if len(shown) >= MIN_POSTS and shown.count(True) >= _SHOWN * len(shown) else ()


def _is_shown_on_any(db: Database, folder: Path, site: Mapping[str, Any], title: str) -> bool:
    """Returns True if at least one of the newest posts with this title shows the title, or cannot be read."""
    rows = db.query(
        f"select * from articles where {_LIVE} and title = :title and capture_id is not null order by id desc "
        "limit :most",
        {"site": site["name"], "title": title, "most": _PLACED},
    )
    return any(_shows_its_title(db, folder, site["id"], row) is not False for row in list(rows))


def _shows_its_title(db: Database, folder: Path, site_id: int, row: dict[str, Any]) -> bool | None:
    """Returns True if the title of an article (a row of `articles`) is shown on its page, or given by a feed or an API;
    False if the page only declares it in its head. Returns None if its capture cannot be read.
    """
    without_rules = next(reversed(extract_from_capture(db, folder, row, site_id)), None)
    if without_rules is None:
        return None
    title = fold_text(row["title"])
    return any(
        e.field == "title" and fold_text(e.value) == title and e.source not in DECLARED_IN_HEAD
        for e in without_rules.evidence
    )


def _without_learned(articles: Sequence[Article], field: str) -> list[Article]:
    """Returns the articles whose value of a field does not come from a learned rule. For such a value, no other
    candidates were stored, so nothing can be learned from it about others.
    """
    return [a for a in articles if not any(e.field == field and e.source == "learned" for e in a.evidence)]


def _newest(db: Database, site: str) -> list[Article]:
    """Returns a site's newest articles, with their evidence."""
    rows = db.query(
        f"select * from articles where {_LIVE} order by id desc limit :most", {"site": site, "most": _SAMPLE}
    )
    return [_with_evidence(db, row) for row in list(rows)]


def _with_evidence(db: Database, row: dict[str, Any]) -> Article:
    found = tuple(
        Evidence(one["field"], str(one["value"]), one["source"], one["locator"]) for one in decode_evidence(db, row)
    )
    return replace(article_from_row(row), evidence=found)


@dataclass(frozen=True, slots=True)
class RefusedConstants:
    """The result of removing constants from the articles of a site. `articles` is the number of articles that changed;
    `lost` maps each field to the number of articles whose value of this field was removed.
    """

    articles: int = 0
    lost: Mapping[str, int] = field(default_factory=dict)


def refuse_constants(db: Database, archive: Path, site: dict[str, Any], version: str, at: datetime) -> RefusedConstants:
    """Finds the constants of a site, adds them to the site's rules, and re-extracts the articles that have one of them
    as a value.
    """
    rules = rules_valid_at(db, site["id"])
    known = rules.constants if rules is not None else SiteConstants()
    found = find_stored_constants(db, site["name"])
    found = replace(found, titles=(*found.titles, *find_placeholder_titles(db, archive.parent, site, known)))
    constants = known.with_others(found)
    if not constants:
        return RefusedConstants()
    if constants != known:
        with writing(db):
            rules = add_constants(db, site["id"], found, at)
    assert rules is not None
    ids = _articles_with_constants(db, site["name"], constants, rules.version)
    if not ids:
        return RefusedConstants()
    before = _count_values(db, ids)
    request = ReextractionRequest(articles=tuple(ids))
    begun = begin_reextraction(db, request, version, at)
    tally = reextract(
        db, begun, ids, lambda todo: reextract_all(archive, version, begun.started_at, request, todo, workers=1)
    )
    return RefusedConstants(tally.changed, before - _count_values(db, ids))


def _count_values(db: Database, ids: Sequence[int]) -> Counter[str]:
    """Returns, for each field that may have a constant as its value, how many of these articles have a value for it."""
    counts = ", ".join(f"total({column} <> '')" for column in _COLUMNS)
    row = db.execute(
        f"select {counts} from articles where id in (select value from json_each(?))", [json.dumps(ids)]
    ).fetchone()
    return Counter({column: int(number) for column, number in zip(_COLUMNS, row, strict=True)})


def _articles_with_constants(db: Database, site: str, constants: SiteConstants, rules: str) -> list[int]:
    """Returns the IDs of a site's articles that have a constant as a value, at most `_MOST_ARTICLES`. Articles that
    were already extracted with the constants are left out: their column `extractor` contains `rules`, the name of this
    version of the site rules.
    """
    values = {"titles": "title", "images": "image", "descriptions": "description"}
    tests = [f"{column} in (select value from json_each(:{name}))" for name, column in values.items()]
    tests.append("substr(published, 1, 10) in (select value from json_each(:days))")
    tests.append("authors <> '[]' and json_array_length(:bylines) > 0")
    tests.append("exists (select 1 from json_each(:names) where title like '%' || value)")
    has_one = " or ".join(tests)
    rows = db.execute(
        f"select id, {has_one}, substr(body, 1, :most + 1) from articles where {_LIVE} and capture_id is not null and "
        f"instr(coalesce(extractor, ''), :rules) = 0 and ({has_one} or length(body) between 1 and :most) order by id",
        {
            "site": site,
            "rules": rules,
            "most": MAX_BODY_LENGTH - 1 if constants.bodies else 0,
            **{name: json.dumps(given) for name, given in constants.items()},
        },
    )
    return [number for number, found, body in rows if found or constants.refuses_body(body)][:_MOST_ARTICLES]
