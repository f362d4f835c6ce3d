"""Generates page results with posts of 3 KB, as a crawl passes them to the page writer: sitemaps, articles with
evidence, captures.

They depend only on their numbers. One post is in memory at a time.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cached_property

from generated_copies import Language, languages

from archiver.model.items import (
    Article,
    Capture,
    DiscoveredURL,
    DiscoverySource,
    Evidence,
    Outcome,
    PageKind,
    PageResult,
)

A_SITE, A_SITEMAP, LETTERS = 5_000, 1_000, 3_000
AT = datetime(2024, 6, 1, tzinfo=UTC)


class Posts:
    """`total` posts of `letters` characters, 5,000 per site. One in twenty is an edited copy of an earlier post."""

    def __init__(self, total: int, letters: int = LETTERS) -> None:
        self.total, self.letters = total, letters

    @cached_property
    def _language(self) -> Language:
        return languages()["50,000 words"]

    @property
    def sites(self) -> int:
        return -(-self.total // A_SITE)

    def of_site(self, site: int) -> range:
        return range(site * A_SITE, min(self.total, (site + 1) * A_SITE))

    @staticmethod
    def host(site: int) -> str:
        return f"news-{site}.example"

    def url(self, number: int) -> str:
        day = self.published(number)
        slug = "-".join(self._language.some(random.Random(f"slug {number}"), 5))
        return f"https://{self.host(number // A_SITE)}/{day:%Y/%m}/{slug}-{number}/"

    @staticmethod
    def published(number: int) -> datetime:
        return datetime(2004, 1, 1, 8, tzinfo=UTC) + timedelta(hours=number % A_SITE * 35)

    def body(self, number: int) -> str:
        rng = random.Random(f"body {number}")
        if number % A_SITE and rng.random() < 0.05:
            words = self.body(number - number % A_SITE + rng.randrange(number % A_SITE)).split(" ")
            at = rng.randrange(max(len(words) - 12, 1))
            return " ".join([*words[:at], *self._language.some(rng, 8), *words[at + 8 :]])
        paragraphs: list[str] = []
        while (left := self.letters - sum(map(len, paragraphs))) > 40:
            words = self._language.some(rng, rng.randint(40, 80))
            paragraphs.append((" ".join(words)[: left - 3]).capitalize() + ".")
        return "\n\n".join(paragraphs)

    def article(self, number: int) -> Article:
        rng = random.Random(f"post {number}")
        title = " ".join(self._language.some(rng, rng.randint(5, 10))).capitalize()
        author = f"Author {rng.randrange(60)} of {self.host(number // A_SITE)}"
        tags = tuple(dict.fromkeys(f"tag {int(rng.paretovariate(0.8)) % 3000}" for _ in range(rng.randint(1, 5))))
        category = f"Category {rng.randrange(12)}"
        published, url, body = self.published(number), self.url(number), self.body(number)
        description = f"{body[:140]}…"
        said = (
            ("encoding", "utf-8", "utf-8", ""),
            ("title", title, "learned", "h1.entry-title"),
            ("body", f"{len(body)} characters", "learned", "div.entry-content"),
            ("authors", author, "learned", "a[rel~=author]"),
            ("published", published.isoformat(), "learned", "time.entry-date"),
            ("categories", category, "learned", "span.cat-links a"),
            ("tags", ", ".join(tags), "learned", "a[rel~=tag]"),
            ("language", "en", "head", "html[lang]"),
            ("description", description, "head", "meta[name=description]"),
            ("canonical_url", url, "head", "link[rel~=canonical], og:url"),
        )
        return Article(
            url=url,
            title=title,
            body=body,
            authors=(author,),
            published=published,
            published_precision="second",
            modified=published + timedelta(hours=2),
            categories=(category,),
            tags=tags,
            language="en",
            description=description,
            canonical_url=url,
            platform="wordpress",
            guid=f"https://{self.host(number // A_SITE)}/?p={number % A_SITE}",
            kind_rule="learned",
            read_by="rules-1",
            evidence=tuple(Evidence(*one, 1.0 if one[2] == "learned" else 0.9) for one in said),
        )

    def visits(self, site: int) -> Iterator[PageResult]:
        """Yield the page results of a first crawl of a site: the home page, the sitemaps in robots.txt, then the posts.
        Each post links to the previous one.
        """
        host, numbers = self.host(site), self.of_site(site)
        robots = f"https://{host}/robots.txt"
        parts = -(-len(numbers) // A_SITEMAP)
        yield PageResult(
            f"https://{host}/",
            f"https://{host}/",
            AT,
            Outcome.NOT_ARTICLE,
            PageKind.LISTING,
            status=200,
            targets=tuple(
                DiscoveredURL(f"https://{host}/sitemap-{n}.xml", DiscoverySource.LINK, PageKind.SITEMAP, robots)
                for n in range(parts)
            ),
        )
        for n, first in enumerate(range(numbers.start, numbers.stop, A_SITEMAP)):
            url = f"https://{host}/sitemap-{n}.xml"
            targets = tuple(
                DiscoveredURL(self.url(k), DiscoverySource.SITEMAP, PageKind.POST, url, self.published(k))
                for k in range(first, min(first + A_SITEMAP, numbers.stop))
            )
            yield PageResult(url, url, AT, Outcome.NOT_ARTICLE, PageKind.SITEMAP, status=200, targets=targets)
        for k in numbers:
            article = self.article(k)
            at = AT + timedelta(seconds=k % A_SITE)
            capture = Capture(
                article.url,
                at,
                200,
                "text/html",
                f"sha1:{random.Random(k).getrandbits(160):040X}"[:37],
                f"warc/{host}-20240601000000-{k % A_SITE // 2000:05}.warc.gz",
                k % 2000 * 9_000,
                8_911,
            )
            before = (
                (DiscoveredURL(self.url(k - 1), DiscoverySource.LINK, PageKind.POST, article.url),)
                if k > numbers.start
                else ()
            )
            yield PageResult(
                article.url,
                article.url,
                at,
                Outcome.ARCHIVED,
                PageKind.POST,
                rule="learned",
                status=200,
                etag=f'"{k:016x}"',
                capture=capture,
                article=article,
                targets=before,
            )
