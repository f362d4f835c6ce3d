"""Turns a page into an article: each field by its own module, the choice in one place."""

from __future__ import annotations

import gc
from urllib.parse import urlsplit

from archiver.extraction import authors as _authors
from archiver.extraction import categories as _categories
from archiver.extraction import choose, credits, declared, learned
from archiver.extraction import dates as _dates
from archiver.extraction import geotags as _geotags
from archiver.extraction import title as _title
from archiver.extraction.body import body as read_body
from archiver.extraction.days.moment import of_url
from archiver.extraction.kind import classify
from archiver.extraction.page import Page
from archiver.extraction.parts import Parts, parts
from archiver.extraction.people.byline import beside_heading
from archiver.extraction.rules import SiteRules
from archiver.extraction.scope import find
from archiver.extraction.text import folded
from archiver.items import Article, Evidence, Lead, PageKind


def extract_page(page: Page, lead: Lead | None = None, known_kind: PageKind = PageKind.UNKNOWN, *,
                 posts_only: bool = False, part_of: str = "", rules: SiteRules | None = None) -> Article:
    """All fields of a page, whether it is a post (`kind`, `kind_rule`), and the evidence for each field.

    `lead`: what a feed or an API said about this address, one more source beside the page. `known_kind` as in
    `kind.classify`. With `posts_only`, a page that is no post gives only its kind, which is all a crawl needs of a
    listing. `part_of`: the post, if this was fetched as one of its further pages. `rules`: the learned template of
    the site; a page that does not fit it is read as on an unknown site, with the rules that a person wrote. Never
    raises for what a page contains; the same page gives the same article.
    """
    collects = gc.isenabled()
    gc.disable()  # the page's objects are freed with it, and looking for cycles takes a twentieth of the time
    try:
        return _read(page, lead, known_kind, posts_only, part_of, rules)
    finally:
        if collects:
            gc.enable()


def _read(page: Page, lead: Lead | None, known_kind: PageKind, posts_only: bool, part_of: str,
          rules: SiteRules | None) -> Article:
    if rules is not None and not part_of and (article := learned.read(page, rules, lead, known_kind)) is not None:
        return article
    article = _as_any(page, lead, known_kind, posts_only=posts_only, part_of=part_of)
    by_hand = rules is not None and article.kind is PageKind.POST
    return learned.overruled(article, page, rules) if by_hand and rules is not None else article


def _as_any(page: Page, lead: Lead | None, known_kind: PageKind, *, posts_only: bool, part_of: str) -> Article:
    """The article of a page without any knowledge of its site."""
    post = find(page)
    beside = beside_heading(page, post)
    kind, rule = classify(page, lead, known_kind, post, beside)
    if posts_only and kind is not PageKind.POST:
        return Article(url=page.url, kind=kind, kind_rule=rule, platform=page.platform.name)
    host = (urlsplit(page.url).hostname or "").lower()
    site = {folded(n) for n in _title.site_names(page)}
    evidence = [page.decoded.evidence()]

    titles = _title.candidates(page, post, lead, host)
    title = choose.title(titles, site, page.path)
    evidence += [c.evidence("title") for c in titles]
    headline = title.value if title else ""

    text = read_body(page, post, headline, beside, lead)
    tail = credits.read_tail(text.text)
    plain = text.text
    if tail.paragraphs:
        plain = "\n\n".join(plain.split("\n\n")[: -tail.paragraphs])
    evidence.append(Evidence("body", f"{len(plain)} characters", text.source, text.locator, text.confidence))

    people = _authors.candidates(page, post, lead, site, beside, tail.authors, text.text)
    author = choose.authors(people)
    evidence += [c.evidence("authors") for c in people]

    changed = _dates.modified(page, post, lead, beside)
    times = _dates.published(page, post, lead, beside)
    when = choose.published(times, changed, of_url(page.path), page.captured_at)
    change = choose.best(changed)
    evidence += [c.evidence("published") for c in times] + [c.evidence("modified") for c in changed]

    cats, tags = _categories.candidates(page, post, lead)
    category, tag = _categories.chosen(cats, tags)
    evidence += [c.evidence("categories") for c in cats] + [c.evidence("tags") for c in tags]

    named = credits.of_post(page, post, text.text, tail, beside.lines)
    evidence += [Evidence("credits", one, "text", "", 0.7) for one in named]
    places = _geotags.geotags(page, post, lead, credits.dateline_place(text.text))
    evidence += _geotags.evidence(page, post, places)
    beside_text = declared.declarations(page, post.body, lead)
    evidence += beside_text.evidence
    pages = parts(page, part_of) if kind is PageKind.POST else Parts()

    return Article(
        url=page.url,
        title=headline,
        body=plain,
        authors=author.value if author else (),
        published=when.value.at if when else None,
        published_precision=when.value.precision if when else None,
        modified=change.value.at if change else None,
        categories=category,
        tags=tag,
        geotags=places,
        language=beside_text.language,
        description=beside_text.description,
        image=beside_text.image,
        canonical_url=beside_text.canonical_url,
        credits=named,
        kind=kind,
        kind_rule=rule,
        platform=page.platform.name,
        post_id=declared.post_id(page, lead),
        guid=lead.guid if lead else "",
        evidence=tuple(evidence),
        parts=pages.others,
        part=pages.number,
        part_of=pages.first,
        whole_at=page.url if text.is_whole else pages.whole,
    )
