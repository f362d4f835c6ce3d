"""Extracts an article from a parsed page: with the rules of its site if they fit the page, otherwise without site
rules.

Extraction without site rules has one module for each field that collects candidates; `resolve` chooses among them.
"""

from __future__ import annotations

import gc
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from archiver.extraction import categories as _categories
from archiver.extraction import dates as _dates
from archiver.extraction import geotags as _geotags
from archiver.extraction import resolve
from archiver.extraction import title as _title
from archiver.extraction.authors import agency_credits
from archiver.extraction.authors import author_candidates as _authors
from archiver.extraction.authors.byline import byline_beside_heading
from archiver.extraction.body import extract_body as read_body
from archiver.extraction.date_text import url_date
from archiver.extraction.page import Page
from archiver.extraction.page_classifier import Answer, classify_page
from archiver.extraction.pagination import PostParts, find_parts
from archiver.extraction.post_locator import locate_post, picture_holder
from archiver.extraction.template import article_by_rules
from archiver.extraction.template.site_rule import SiteRules
from archiver.extraction.text import fold_text
from archiver.items import CONSTANT, Article, Evidence, PageKind, SourceHint
from archiver.markup.marks import captions_of


@dataclass(frozen=True, slots=True)
class _Options:
    """Options for extracting a page. The attributes are the parameters of `extract_page` with the same names."""

    posts_only: bool
    part_of: str
    decided: Answer | None


def extract_page(
    page: Page,
    hint: SourceHint | None = None,
    known_kind: PageKind = PageKind.UNKNOWN,
    *,
    posts_only: bool = False,
    part_of: str = "",
    rules: SiteRules | None = None,
    decided: Answer | None = None,
) -> Article:
    """Extracts the article of a page: all fields, the page's kind (`kind`, `kind_rule`), and the evidence for each
    field.

    - `hint` is what a feed or an API says about this address. It is used as a further source.
    - `known_kind` has the same meaning as in `classify_page`.
    - If `posts_only` is True, only the kind is returned for a page that is not a post. A crawl needs no more than this
      for a listing.
    - `part_of` is the address of the post if the page was fetched as one of its further pages.
    - `rules` are the rules of the site. If the page does not fit them, it is extracted without site rules, and only the
      hand-written rules are applied to the result. Hand-written rules may also make the page a post.
    - `decided` is the kind and rule of the page if the site's other pages decided them. The page is then not
      classified.

    Never raises because of what a page contains. The same page always results in the same article.
    """
    collects = gc.isenabled()
    gc.disable()  # reference counting frees the page's objects, and garbage collection would take 5 % of the time
    try:
        return _extract(page, hint, known_kind, _Options(posts_only, part_of, decided), rules)
    finally:
        if collects:
            gc.enable()


def _extract(
    page: Page, hint: SourceHint | None, known_kind: PageKind, options: _Options, rules: SiteRules | None
) -> Article:
    if rules is None:
        return _extract_generally(page, hint, known_kind, options)
    page.constants = rules.constants
    if not options.part_of:
        article = article_by_rules.read_by_rules(page, rules, hint, known_kind, options.decided)
        if article is not None:
            return article
    article = _extract_generally(page, hint, known_kind, options)
    hand = rules.by_hand()
    if hand is None:
        return article
    if article.kind is not PageKind.POST and not options.part_of and options.decided is None:
        answer = article_by_rules.kind_by_hand(article, page, hand, hint, known_kind)
        if answer is not None:
            article = _extract_generally(page, hint, known_kind, replace(options, decided=answer))
    if article.kind is not PageKind.POST and options.posts_only:
        return article
    if rules.constants and article.kind is PageKind.POST:
        article = replace(article, read_by=f"{rules.version} in part")
    return article_by_rules.apply_hand_rules(article, page, rules)


def _extract_generally(page: Page, hint: SourceHint | None, known_kind: PageKind, options: _Options) -> Article:
    """Extracts the article of a page without site rules."""
    post = locate_post(page)
    beside = byline_beside_heading(page, post)
    kind, rule = options.decided or classify_page(page, hint, known_kind, post, beside)
    if options.posts_only and kind is not PageKind.POST:
        return Article(url=page.url, kind=kind, kind_rule=rule, platform=page.platform.name)
    host = (urlsplit(page.url).hostname or "").lower()
    names = _title.site_names(page)
    site = {fold_text(n) for n in names}
    evidence = [page.decoded.evidence()]

    titles = _title.title_candidates(page, post, hint, names, host)
    title = resolve.resolve_title(titles, site, page.path)
    evidence += [c.evidence("title") for c in titles]
    headline = title.value if title else ""
    if not headline and page.constants.titles:
        evidence.append(Evidence("title", "", CONSTANT, "", 0.0))

    text = read_body(page, post, headline, beside, hint)
    tail = agency_credits.read_tail(text.text)
    plain = text.text
    if tail.paragraphs:
        plain = "\n\n".join(plain.split("\n\n")[: -tail.paragraphs])
    if page.constants.refuses_body(plain):
        evidence.append(Evidence("body", plain, CONSTANT, text.locator, 0.0))
        plain = ""
    markup = text.rendered.markup(plain)
    evidence.append(Evidence("body", f"{len(plain)} characters", text.source, text.locator, text.confidence))

    people = _authors.author_candidates(page, post, hint, site, beside, tail.authors, text.text)
    author = resolve.resolve_authors(people)
    evidence += [c.evidence("authors") for c in people]

    changed = _dates.modified_candidates(page, post, hint, beside)
    times = _dates.published_candidates(page, post, hint, beside)
    when = resolve.resolve_published(times, changed, url_date(page.path), page.captured_at)
    change = resolve.best_candidate(changed)
    evidence += [c.evidence("published") for c in times] + [c.evidence("modified") for c in changed]

    cats, tags = _categories.term_candidates(page, post, hint)
    category, tag = _categories.choose_terms(cats, tags)
    evidence += [c.evidence("categories") for c in cats] + [c.evidence("tags") for c in tags]

    named = agency_credits.credits_of_post(page, post, text.text, tail, beside.lines)
    evidence += [Evidence("credits", one, "text", "", 0.7) for one in named]
    places = _geotags.geotags(page, post, hint, agency_credits.dateline_place(text.text))
    evidence += _geotags.geotag_evidence(page, post, places)
    element = post.body if post.title is None else post.title
    holder = post.body if plain else picture_holder(post)
    declared = resolve.declared_fields(page, holder, hint, resolve.PostText(f"{headline}\n{plain}", element))
    evidence += declared.evidence
    pages = find_parts(page, options.part_of) if kind is PageKind.POST else PostParts()

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
        credits=named,
        captions=captions_of(markup),
        markup=markup,
        **declared.values,
        kind=kind,
        kind_rule=rule,
        platform=page.platform.name,
        post_id=resolve.post_id(page, hint),
        guid=hint.guid if hint else "",
        given_urls=resolve.given_urls(page),
        short_url=resolve.short_url(page),
        evidence=tuple(evidence),
        parts=pages.others,
        part=pages.number,
        part_of=pages.first,
        whole_at=page.url if text.is_whole else pages.whole,
    )
