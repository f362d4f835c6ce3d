"""Finds the start URLs to crawl: those of sites of the archive, of new sites, or of the demonstration blog."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from archiver.cli.shared_options import refuse_file
from archiver.discovery.url_patterns import looks_like_post
from archiver.model.errors import ArticleNotFound, ArticleRemoved, LooksLikePost, TagNotFound
from archiver.model.urls import Scope, start_address
from archiver.sites.config import effective_settings, load_config
from archiver.storage.article_records import find_article
from archiver.storage.database import opened
from archiver.storage.sites import tags_of_sites
from archiver.storage.stored_rules import page_objects_of_site

DEMONSTRATION = "http://127.0.0.1:28080/"  # not imported from its module, which few crawls need


def read_sites(archive: str) -> list[dict[str, Any]]:
    """Returns the rows of the archive's sites, each with its tags and effective settings; [] if the archive does not
    exist yet.
    """
    file = Path(archive)
    if not file.exists() or (file.is_file() and not file.stat().st_size):
        return []
    with opened(archive, read_only=True) as db:
        settings, tags = effective_settings(db), tags_of_sites(db)
        return [
            {**row, "settings": settings(row), "tags": tags.get(row["id"], ())}
            for row in db.query("select * from sites")
        ]


def select_start_urls(sites: Sequence[str], tag: str | None, known: Sequence[dict[str, Any]]) -> list[str]:
    """Returns the start URLs of the given `sites` and of those with the `tag`. If neither is given, returns those of
    all sites of the archive (`known`) except sites with crawl=no. Raises TagNotFound and BadAddress.
    """
    starts = {row["name"]: row["start_url"] for row in known}
    words = (*sites, *(row["name"] for row in known if tag and tag in row["tags"]))
    if tag and not words:
        raise TagNotFound(tag, {one for row in known for one in row["tags"]})
    if not words:
        words = tuple(row["name"] for row in known if row["settings"].get("crawl") is not False)
    if not words:
        raise click.UsageError(
            "All sites of the archive have crawl=no. Name one ('archiver sites list' shows them), or use 'archiver "
            "sites set SITE crawl=yes'."
        )
    return list(dict.fromkeys(_start_url(word, starts) for word in words))


def _start_url(word: str, known: dict[str, str]) -> str:
    """Returns the start URL that a person means: the stored one of a `known` site, unless the word has a scheme."""
    if "://" not in word and (stored := known.get(word.removeprefix("www.").rstrip("/"))):
        return stored
    url = start_address(refuse_file(word))
    return url if "://" in word else known.get(Scope.of(url).name, url)


def refuse_post(archive: str, url: str, known: Sequence[dict[str, Any]]) -> None:
    """Raises LooksLikePost if a start URL is not the address of a site of the archive (`known`), and looks like a post
    or leads to an article of the archive.
    """
    if any(row["name"] == Scope.of(url).name for row in known):
        return
    if not looks_like_post(url) and not (known and _is_article(archive, url)):
        return
    around = [row for row in known if Scope(row["host"], row["path"]).contains(url)]
    parts = urlsplit(url)
    home = max(around, key=lambda row: len(row["path"]))["start_url"] if around else f"{parts.scheme}://{parts.netloc}/"
    raise LooksLikePost(url, home, known=bool(around))


def _is_article(archive: str, url: str) -> bool:
    """Returns True if the archive has an article that was seen at this URL."""
    with opened(archive, read_only=True) as db:
        try:
            return bool(find_article(db, url))
        except (ArticleNotFound, ArticleRemoved):
            return False


def check_page_objects_of(archive: str, urls: Sequence[str], known: Sequence[dict[str, Any]]) -> None:
    """Prints a message for each file with page objects that cannot be used. Raises BadPageObject if all of the sites to
    crawl need such a file, so that none can be crawled. `known` are the rows of the stored sites.
    """
    if not load_config().page_objects:
        return
    from archiver.sites.page_objects import load_page_objects  # few archives have page objects

    page_objects = load_page_objects()
    if not page_objects.broken:
        return
    used: dict[str, frozenset[str]] = {}
    if known:
        with opened(archive, read_only=True) as db:
            used = {url: page_objects_of_site(db, Scope.of(url).name) for url in urls}
    sites = [(urlsplit(url).netloc, used.get(url, frozenset())) for url in urls]
    if sites and all(any(one.concerns(*site) for one in page_objects.broken) for site in sites):
        page_objects.check(*sites[0])
    for one in page_objects.broken:
        click.echo(f"{one.error} Sites that it is not for are crawled.", err=True)


@contextmanager
def serve_demonstration(known: Sequence[dict[str, Any]]) -> Iterator[None]:
    """Serves the demonstration blog during the `with` block: in its second edition if the archive has its site."""
    from archiver.demo.demo_blog import serve  # few crawls need it

    os.environ["no_proxy"] = "127.0.0.1"
    with serve(edition=2 if any(row["start_url"] == DEMONSTRATION for row in known) else 1):
        yield
