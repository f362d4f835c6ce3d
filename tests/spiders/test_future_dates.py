"""A post that says that it is published after its capture has no date, whichever way its page is read."""

from __future__ import annotations

import json
from pathlib import Path

from tests.small_sites import sample_posts
from tests.spiders.crawling import crawl, rows
from tests.spiders.site_server import Answer, home, serving

COUNT = 12


def _page(number: int) -> Answer:
    post = sample_posts(COUNT)[number]
    day = "2031-05-06" if number == 0 else f"2021-05-{number + 1:02}"
    data = {"@context": "https://schema.org", "@type": "BlogPosting", "headline": post.title}
    data |= {"datePublished": f"{day}T08:00:00Z", "url": f"/n/{number}/"}
    text = "".join(f"<p>{one}</p>" for one in post.paragraphs)
    return Answer(
        f'<!doctype html><html lang="en"><head><title>{post.title}</title><script type="application/ld+json">'
        f'{json.dumps(data)}</script></head><body><div class="kopf"><h1>{post.title}</h1></div>'
        f'<div class="lauf">{text}</div></body></html>'.encode()
    )


def test_a_learned_rule_gives_no_date_in_the_future(tmp_path: Path) -> None:
    archive = tmp_path / "archive.db"
    paths = [f"/n/{n}/" for n in range(COUNT)]
    with serving({"/": home(*paths)} | {path: _page(n) for n, path in enumerate(paths)}) as site:
        done = crawl(site.url, archive=archive)
    assert done.returncode == 0, done.stderr
    dated = rows(archive, "select count(*), count(published), max(published) < '2022' from articles")
    assert dated == [(COUNT, COUNT - 1, 1)]
    # The page with that date is read without the rules, in case that it has another one.
    read_by_rules = "select url from articles where extractor like '%rules%' order by url"
    assert rows(archive, read_by_rules) == sorted((f"{site.url}n/{n}/",) for n in range(1, COUNT))
