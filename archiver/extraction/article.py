"""A page to an article: every field by its own module, the choice in one place."""

from __future__ import annotations

import re
from dataclasses import replace
from urllib.parse import urlsplit

from archiver.extraction import authors as _authors
from archiver.extraction import categories as _categories
from archiver.extraction import choose, credits
from archiver.extraction import dates as _dates
from archiver.extraction import geotags as _geotags
from archiver.extraction import title as _title
from archiver.extraction.body import body as read_body
from archiver.extraction.byline import beside_heading
from archiver.extraction.candidates import from_api
from archiver.extraction.datetext import of_url
from archiver.extraction.kind import classify
from archiver.extraction.page import Page
from archiver.extraction.parts import Parts, parts
from archiver.extraction.scope import Post, find
from archiver.extraction.text import clean, folded
from archiver.items import Article, Evidence, Lead, PageKind


def extract_page(page: Page, lead: Lead | None = None, known_kind: PageKind = PageKind.UNKNOWN, *,
                 posts_only: bool = False, part_of: str = "") -> Article:
    """All fields of a page, whether it is a post (`kind`, `kind_rule`), and the evidence for each field.

    `lead`: what a feed or an API said of this address, one more source beside the page. `known_kind` as in
    `kind.classify`. With `posts_only` a page that is no post gives its kind and nothing else, which is what a
    crawl needs of a listing. `part_of`: the post that this was asked for as a further page of. Never raises for what
    a page holds; the same page gives the same article.
    """
    post = find(page)
    beside = beside_heading(page, post)
    kind, rule = classify(page, lead, known_kind, post, beside)
    if posts_only and kind is not PageKind.POST:
        return Article(url=page.url, kind=kind, kind_rule=rule, platform=page.platform.name)
    host = (urlsplit(page.url).hostname or "").lower()
    site = {folded(n) for n in _title.site_names(page)}
    evidence: list[Evidence] = []

    titles = _title.candidates(page, post, lead, host)
    title = choose.title(titles, site, page.path)
    evidence += [c.evidence("title") for c in titles]
    headline = title.value if title else ""

    text = read_body(page, post, headline, beside, lead, thorough=kind is not PageKind.LISTING)
    tail = credits.read_tail(text.text)
    plain = text.text
    if tail.paragraphs:
        plain = "\n\n".join(plain.split("\n\n")[: -tail.paragraphs])
    evidence.append(Evidence("body", f"{len(plain)} characters", text.source, text.locator, text.confidence))

    people = _authors.candidates(page, post, lead, site, beside, tail.authors)
    author = choose.authors(people)
    evidence += [c.evidence("authors") for c in people]

    changed = _dates.modified(page, post, lead, beside)
    times = _dates.published(page, post, lead, beside)
    when = choose.published(times, changed, of_url(page.path), page.captured_at)
    change = choose.best(changed)
    evidence += [replace(c.evidence("published"), value=c.value.at.isoformat()) for c in times]
    evidence += [replace(c.evidence("modified"), value=c.value.at.isoformat()) for c in changed]

    cats, tags = _categories.candidates(page, post, lead)
    category, tag = choose.terms(cats), choose.terms([t for t in tags if t.confidence >= 0.5])
    evidence += [c.evidence("categories") for c in cats] + [c.evidence("tags") for c in tags]

    tagged = tag.value if tag else ()
    if tag is not None and tag.source in ("link", "label") and category is not None:
        # rel="tag" says only that a link is a term; the platform's rule has told which ones are categories.
        tagged = tuple(t for t in tagged if folded(t) not in {folded(c) for c in category.value})

    named = credits.credits(
        text.text, tail, beside.lines, credits.captions(post), credits.of_page(page, post),
        own=(*page.data.names_of_site(), host.removeprefix("www.")),
    )
    evidence += [Evidence("credits", one, "text", "", 0.7) for one in named]
    places = _geotags.geotags(page, post, lead, credits.dateline_place(text.text))
    evidence += _geotags.evidence(page, post, places)
    pages = parts(page, part_of) if kind is PageKind.POST else Parts()

    return Article(
        url=page.url,
        title=headline,
        body=plain,
        authors=author.value if author else (),
        published=when.value.at if when else None,
        published_precision=when.value.precision if when else None,
        modified=change.value.at if change else None,
        categories=category.value if category else (),
        tags=tagged,
        geotags=places,
        language=page.language or (lead.language if lead and lead.language else None),
        description=_description(page, lead),
        image=_image(page, post, lead),
        canonical_url=page.canonical or None,
        credits=named,
        kind=kind,
        kind_rule=rule,
        platform=page.platform.name,
        post_id=_post_id(page, lead),
        guid=lead.guid if lead else "",
        evidence=tuple(evidence),
        parts=pages.others,
        part=pages.number,
        part_of=pages.first,
        whole_at=page.url if text.is_whole else pages.whole,
    )


def _description(page: Page, lead: Lead | None) -> str:
    data = page.data
    found = data.meta_first(
        "description", "og:description", "twitter:description", "dc.description", "sailthru.description"
    )
    return (
        found
        or next(iter(data.texts(data.article(page.addresses), "description")), "")
        or clean(lead.description if lead else "")
    )


def _image(page: Page, post: Post, lead: Lead | None) -> str | None:
    data = page.data
    declared = data.meta("og:image", "og:image:url", "og:image:secure_url", "twitter:image", "twitter:image:src")
    node = data.article(page.addresses)
    declared += [
        str(v.get("url") or v.get("contentUrl") or "") if isinstance(v, dict) else str(v)
        for v in data.resolve((node or {}).get("image"))
    ]
    declared += [lead.image] if lead else []
    if post.body is not None:
        declared += [i.get("src") or i.get("data-src") or "" for i in list(post.body.iter("img"))[:1]]
    return next((u for value in declared if (u := page.join(value))), None)


_POST_ID = re.compile(r"^(?:postid|post)-(\d+)$")


def _post_id(page: Page, lead: Lead | None) -> str:
    """The platform's own number of the post: it stays when the address changes."""
    if from_api(lead) and lead is not None:
        return lead.post_id
    if page.platform.name == "wordpress":
        for name in page.body_classes:
            if m := _POST_ID.match(name):
                return f"wordpress:{m[1]}"
        for el in page.index.select("link[rel~=shortlink]"):
            if m := re.search(r"[?&]p=(\d+)$", el.get("href") or ""):
                return f"wordpress:{m[1]}"
    if page.platform.name == "blogger":
        for el in page.index.select("meta[itemprop~=postId]")[:1]:
            if (value := clean(el.get("content"))).isdigit():
                return f"blogger:{value}"
    return lead.post_id if lead is not None else ""
