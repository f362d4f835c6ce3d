"""The blog's machine-readable side: RSS 2.0 and Atom feeds, sitemaps, robots.txt."""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import format_datetime
from xml.sax.saxutils import escape

from archiver.demo.markup import NAME, TAGLINE, content, excerpt, shown_title
from archiver.demo.posts import Place, Post

SITEMAP_NS = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'
GEORSS_NS = 'xmlns:georss="http://www.georss.org/georss"'


def rss(base: str, path: str, posts: Iterable[Post], changed: datetime) -> str:
    """RSS 2.0 as WordPress writes it: whole texts, dc:creator, guid by number, times in UTC; georss."""
    items = "\n".join(_item(base, p) for p in posts)
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/" \
xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:atom="http://www.w3.org/2005/Atom" {GEORSS_NS}>
<channel>
<title>{NAME}</title>
<atom:link href="{base}{path}" rel="self" type="application/rss+xml"/>
<link>{base}/</link>
<description>{TAGLINE}</description>
<lastBuildDate>{format_datetime(changed.astimezone(UTC))}</lastBuildDate>
<language>en-US</language>
<generator>https://wordpress.org/?v=6.8.1</generator>
{items}
</channel>
</rss>
"""


def _item(base: str, post: Post) -> str:
    categories = "".join(f"<category>{escape(c)}</category>" for c in (*post.categories, *post.tags))
    return f"""<item>
<title>{escape(shown_title(post))}</title>
<link>{base}{post.path()}</link>
<dc:creator>{escape(post.author)}</dc:creator>
<pubDate>{format_datetime(post.published.astimezone(UTC))}</pubDate>
{categories}
<guid isPermaLink="false">{base}/?p={post.id}</guid>
<description>{escape(excerpt(post))}</description>
<content:encoded>{escape(content(post))}</content:encoded>
{_points(post.places)}</item>"""


def _points(places: tuple[Place, ...]) -> str:
    return "".join(f"<georss:point>{p.latitude:.4f} {p.longitude:.4f}</georss:point>\n"
                   f"<georss:featurename>{escape(p.name)}</georss:featurename>\n" for p in places)


def atom(base: str, path: str, posts: Iterable[Post], changed: datetime) -> str:
    """Atom (RFC 4287)."""
    entries = "\n".join(f"""<entry xml:lang="{p.language}">
<author><name>{escape(p.author)}</name></author>
<title>{escape(shown_title(p))}</title>
<link rel="alternate" type="text/html" href="{base}{p.path()}"/>
<id>{base}/?p={p.id}</id>
<updated>{p.modified.isoformat()}</updated>
<published>{p.published.isoformat()}</published>
{"".join(f'<category term="{escape(c)}"/>' for c in (*p.categories, *p.tags))}
<summary>{escape(excerpt(p))}</summary>
<content type="html">{escape(content(p))}</content>
{_points(p.places)}</entry>""" for p in posts)
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<feed xmlns="http://www.w3.org/2005/Atom" {GEORSS_NS} xml:lang="en-US">
<title>{NAME}</title>
<updated>{changed.isoformat()}</updated>
<link rel="alternate" type="text/html" href="{base}/"/>
<link rel="self" type="application/atom+xml" href="{base}{path}"/>
<id>{base}/feed/atom/</id>
{entries}
</feed>
"""


def sitemap_index(base: str, children: Iterable[tuple[str, datetime]]) -> str:
    rows = "\n".join(f"<sitemap><loc>{base}{path}</loc><lastmod>{time.isoformat()}</lastmod></sitemap>"
                     for path, time in children)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<sitemapindex {SITEMAP_NS}>\n{rows}\n</sitemapindex>\n'


def urlset(base: str, pages: Iterable[tuple[str, datetime]]) -> str:
    rows = "\n".join(f"<url><loc>{base}{path}</loc><lastmod>{time.isoformat()}</lastmod></url>"
                     for path, time in pages)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<urlset {SITEMAP_NS}>\n{rows}\n</urlset>\n'


def gzipped(text: str) -> bytes:
    """gzip (RFC 1952) with a fixed time stamp, so that the same sitemap has the same ETag."""
    return gzip.compress(text.encode(), mtime=0)


def robots(base: str) -> str:
    return f"User-agent: *\nDisallow: /wp-admin/\nDisallow: /private/\n\nSitemap: {base}/sitemap.xml\n"
