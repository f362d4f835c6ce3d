"""Finds values in stored articles that belong to the site and not to a post, and extracts the affected articles again
without these values.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from archiver.extraction.template.site_constants import (
    MAX_BODY_LENGTH,
    MIN_POSTS,
    SHARE,
    SHARE_OF_BODY,
    SiteConstants,
    body_key,
    hides_others,
    titles_everywhere,
)
from archiver.fields import MEASURED, OWN_TEXTS
from archiver.items import Article, Evidence
from archiver.maintenance.reextraction import ReextractionRequest
from archiver.maintenance.reextraction_run import begin_reextraction, reextract, reextract_all
from archiver.storage.article_tables.evidence import decode_evidence
from archiver.storage.article_tables.revisions import article_from_row
from archiver.storage.connection import writing
from archiver.storage.sites import add_constants, rules_valid_at

_SAMPLE = 200
"""At most this many articles with the same title are searched for other title candidates."""
_MOST = 2_000
"""At most this many articles are extracted again in one run; the next run continues."""
_COLUMNS = tuple(name for name in OWN_TEXTS if name in MEASURED)
_LIVE = "site = :site and gone_at is null and id not in (select article_id from withdrawn_articles)"


def find_stored_constants(db: Database, site: str) -> SiteConstants:
    """Returns the values that belong to the site and not to a post, by comparing all of its stored articles; see
    `site_constants.find_constants`.
    """
    total = db.execute(f"select count(*) from articles where {_LIVE}", {"site": site}).fetchone()[0]
    frequent = (title for title in _frequent(db, site, "title", total) if _is_constant_title(db, site, title))
    titles = tuple(dict.fromkeys((*frequent, *titles_everywhere(_sample_read_generally(db, site)))))
    bodies = Counter(
        body_key(body)
        for (body,) in db.execute(
            f"select body from articles where {_LIVE} and length(body) between 1 and :most",
            {"site": site, "most": MAX_BODY_LENGTH - 1},
        )
    )
    return SiteConstants(
        titles,
        (),
        _frequent(db, site, "image", total),
        _frequent(db, site, "description", total),
        tuple(sorted(key for key, n in bodies.items() if key and n >= max(MIN_POSTS, SHARE_OF_BODY * total))),
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


def _sample_read_generally(db: Database, site: str) -> list[Article]:
    """Returns a site's newest articles, without those whose title came from a learned rule, since their evidence has no
    other title candidates.
    """
    rows = db.query(
        f"select * from articles where {_LIVE} order by id desc limit :most", {"site": site, "most": _SAMPLE}
    )
    found = [_with_evidence(db, row) for row in list(rows)]
    return [a for a in found if not any(e.field == "title" and e.source == "learned" for e in a.evidence)]


def _with_evidence(db: Database, row: dict[str, Any]) -> Article:
    found = tuple(Evidence(one["field"], str(one["value"]), one["source"]) for one in decode_evidence(db, row))
    return replace(article_from_row(row), evidence=found)


@dataclass(frozen=True, slots=True)
class RefusedConstants:
    """The result of removing values that belong to the site (constants): the number of `articles` that changed, and for
    each field the number of articles that lost it.
    """

    articles: int = 0
    lost: Mapping[str, int] = field(default_factory=dict)


def refuse_constants(db: Database, archive: Path, site: dict[str, Any], version: str, at: datetime) -> RefusedConstants:
    """Adds the values that belong to the site, and not to a post, to the site's rules, and extracts the articles that
    have one of these values again.
    """
    found = find_stored_constants(db, site["name"])
    rules = rules_valid_at(db, site["id"])
    known = rules.constants if rules is not None else SiteConstants()
    constants = known.with_others(found)
    if not constants:
        return RefusedConstants()
    if constants != known:
        with writing(db):
            rules = add_constants(db, site["id"], found, at)
    assert rules is not None
    ids = _articles_with(db, site["name"], constants, rules.version)
    if not ids:
        return RefusedConstants()
    before = _with_fields(db, ids)
    request = ReextractionRequest(articles=tuple(ids))
    begun = begin_reextraction(db, request, version, at)
    tally = reextract(
        db, begun, ids, lambda todo: reextract_all(archive, version, begun.started_at, request, todo, workers=1)
    )
    return RefusedConstants(tally.changed, before - _with_fields(db, ids))


def _with_fields(db: Database, ids: Sequence[int]) -> Counter[str]:
    """Returns, for each field that may have a constant as its value, the number of these articles that have the
    field.
    """
    counts = ", ".join(f"total({column} <> '')" for column in _COLUMNS)
    row = db.execute(
        f"select {counts} from articles where id in (select value from json_each(?))", [json.dumps(ids)]
    ).fetchone()
    return Counter({column: int(number) for column, number in zip(_COLUMNS, row, strict=True)})


def _articles_with(db: Database, site: str, constants: SiteConstants, rules: str) -> list[int]:
    """Returns the IDs of the articles that have a value belonging to the site (a constant) and were not extracted with
    these rules.
    """
    values = {"titles": "title", "images": "image", "descriptions": "description"}
    has_one = " or ".join(f"{column} in (select value from json_each(:{name}))" for name, column in values.items())
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
    return [number for number, found, body in rows if found or constants.refuses_body(body)][:_MOST]
