"""What is to be read once more: of which sites and articles, from captures of which time, and which fields."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from sqlite_utils import Database

from archiver.errors import ArticleNotFound, SiteNotFound
from archiver.store.records import find_article
from archiver.store.sites import find_site


@dataclass(frozen=True, slots=True)
class Request:
    """Empty tuples mean all. `since` (inclusive) and `until` (exclusive) are times of capture, ISO 8601 in UTC."""

    sites: tuple[str, ...] = ()
    articles: tuple[int, ...] = ()
    fields: tuple[str, ...] = ()
    since: str = ""
    until: str = ""

    def covers(self, captured_at: str) -> bool:
        """Whether a capture of this time is to be read."""
        return (not self.since or captured_at >= self.since) and (not self.until or captured_at < self.until)


def request_for(db: Database, words: tuple[str, ...], **rest: Any) -> Request:
    """The request that names of sites, numbers of articles and addresses make. Raises ArticleNotFound for what is none
    of them."""
    sites: list[str] = []
    articles: list[int] = []
    for word in words:
        try:
            articles.append(find_article(db, word))
            continue
        except ArticleNotFound as unknown:
            error = unknown
        try:
            sites.append(find_site(db, word)["name"])
        except SiteNotFound as none:
            raise none if "/" not in word and not word.isdigit() else error from none
    return Request(tuple(dict.fromkeys(sites)), tuple(dict.fromkeys(articles)), **rest)


def key_of(db: Database, request: Request) -> str:
    """What tells a request from any other: also the rules that are known of the sites, which a reading follows."""
    rules = db.execute("select count(*), max(id) from site_rules").fetchone()
    return json.dumps({**asdict(request), "rules": list(rules)}, ensure_ascii=False)


def wanted(db: Database, request: Request, done_by: int | None = None) -> list[int]:
    """The numbers of the articles to read, in the order in which their captures lie in the WARC files; without those
    that re-extraction `done_by` has looked at.

    Of a million articles these are 8 MB.
    """
    where, values = ["1"], []
    for column, given in (("a.site", request.sites), ("a.id", request.articles)):
        if given:
            where.append(f"{column} in (select value from json_each(?))")
            values.append(json.dumps(given))
    if len(where) == 3:  # a site and an article of another one
        where = [f"({where[1]} or {where[2]})"]
    if request.since or request.until:
        where.append(
            "exists (select 1 from captures k where k.id in (select a.capture_id union all select r.capture_id "
            "from revisions r where r.article_id = a.id) and k.captured_at >= ? and k.captured_at < ?)")
        values += [request.since, request.until or "~"]
    if done_by is not None:
        where.append("a.reextraction_id is not ?")
        values.append(str(done_by))
    return [row[0] for row in db.execute(
        f"select a.id from articles a left join captures c on c.id = a.capture_id where {' and '.join(where)} "
        "order by c.warc_file, c.warc_offset, a.id", values)]
