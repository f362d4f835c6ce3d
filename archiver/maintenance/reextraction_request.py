"""Requests to extract stored articles again: which articles, fields and capture times."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from archiver.model.errors import ArticleNotFound, SiteNotFound
from archiver.sites.page_objects import load_page_objects
from archiver.storage import Database
from archiver.storage.article_records import find_article
from archiver.storage.sites import find_site


@dataclass(frozen=True, slots=True)
class ReextractionRequest:
    """A request to extract stored articles again.

    - `sites`, `articles`: the sites and articles to extract; all articles if both are empty.
    - `fields`: the fields to extract; empty means all.
    - `since` (inclusive), `until` (exclusive): limits for the capture times, ISO 8601 in UTC; "" means no limit.
    - `forget_page_objects`: True if values of page objects that no longer read the pages are replaced; otherwise they
      are kept.
    """

    sites: tuple[str, ...] = ()
    articles: tuple[int, ...] = ()
    fields: tuple[str, ...] = ()
    since: str = ""
    until: str = ""
    forget_page_objects: bool = False

    def covers(self, captured_at: str) -> bool:
        """Returns True if a capture of this time (ISO 8601 in UTC) is within `since` and `until`."""
        return (not self.since or captured_at >= self.since) and (not self.until or captured_at < self.until)


def find_what_to_reextract(db: Database, words: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Returns the sites and articles that words name, each of which is a site name, an article ID or a URL. Raises
    SiteNotFound or ArticleNotFound for a word that is none of these.
    """
    sites: list[str] = []
    articles: list[int] = []
    for word in words:
        try:
            articles.append(find_article(db, word))
            continue
        except ArticleNotFound as no_article:
            error = no_article
        try:
            sites.append(find_site(db, word)["name"])
        except SiteNotFound as no_site:
            raise no_site if "/" not in word and not word.isdigit() else error from no_site
    return tuple(dict.fromkeys(sites)), tuple(dict.fromkeys(articles))


def request_key(db: Database, request: ReextractionRequest) -> str:
    """Returns a JSON string by which an interrupted re-extraction with the same request is recognized, so that it can
    be continued. The string also depends on the stored site rules and the digest of the page objects, because new ones
    change the results. Raises the errors of `load_page_objects`.
    """
    rules = db.execute("select count(*), max(id) from site_rules").fetchone()
    digest = load_page_objects().digest
    used = {"rules": list(rules), **({"page_objects": digest} if digest else {})}
    return json.dumps({**asdict(request), **used}, ensure_ascii=False)


def select_articles(db: Database, request: ReextractionRequest, done_by: int | None = None) -> list[int]:
    """Returns the IDs of the articles that a request selects, in the order of their captures in the WARC files. If
    `done_by` is the ID of a re-extraction, articles that it has already done are left out; None leaves out none. A
    million IDs take 8 MB.
    """
    where, values = ["1"], []
    for column, given in (("a.site", request.sites), ("a.id", request.articles)):
        if given:
            where.append(f"{column} in (select value from json_each(?))")
            values.append(json.dumps(given))
    if len(where) == 3:  # both sites and articles are given, so articles that match either are selected
        where = [f"({where[1]} or {where[2]})"]
    if request.since or request.until:
        where.append(
            "exists (select 1 from captures k where k.id in (select a.capture_id union all select r.capture_id "
            "from revisions r where r.article_id = a.id) and k.captured_at >= ? and k.captured_at < ?)"
        )
        values += [request.since, request.until or "~"]
    if done_by is not None:
        where.append("a.reextraction_id is not ?")
        values.append(str(done_by))
    return [
        row[0]
        for row in db.execute(
            f"select a.id from articles a left join captures c on c.id = a.capture_id where {' and '.join(where)} "
            "order by c.warc_file, c.warc_offset, a.id",
            values,
        )
    ]
