"""Extracts an article from a parsed page: by the rules of its site if they fit the page, otherwise without them.

Extraction without site rules has one module for each field, which collects candidates;
`candidates` chooses among them.

The rules of a site are a few selectors. If they fit, the candidates for most fields need not be collected.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from lxml.etree import _Element as Element

from archiver.extraction import candidates, categories, credits
from archiver.extraction import date_candidates as _dates
from archiver.extraction import titles as _title
from archiver.extraction.authors import author_candidates, organization_evidence
from archiver.extraction.body import NO_TEXT, RenderedText, below_title_line, hint_body, render_container
from archiver.extraction.body import extract_body as read_body
from archiver.extraction.bylines import BylineBlock
from archiver.extraction.date_parser import Moment, url_date, visible_date
from archiver.extraction.geotags import geotag_evidence, geotags, parse_place_key, public_markup, with_publisher_role
from archiver.extraction.normalization import fold_text, has_text
from archiver.extraction.page import Page
from archiver.extraction.page_classifier import (
    Answer,
    PostLocator,
    asks_for_password,
    classify_at_a_glance,
    classify_by_facts,
    classify_page,
)
from archiver.extraction.post_locator import LINE_RULES, Post
from archiver.extraction.post_parts import PostParts, find_parts
from archiver.extraction.rule_reader import (
    SiteReader,
    Times,
    body_container,
    element_of_rule,
    read_authors,
    read_field,
    read_terms,
    read_times,
)
from archiver.extraction.site_rules import Rule, SiteRules
from archiver.markup.text_marks import captions_of
from archiver.model.fields import WEIGHED
from archiver.model.items import CONSTANT, UNDATED, Article, Evidence, PageKind, SourceHint
from archiver.model.page_rules import BY_HAND, DATED_BY_HAND
from archiver.platforms.selector_index import is_below

_MAX_META_LENGTH = 300
_MAX_BYLINE_LENGTH = 120
_SENTENCE_END = tuple(".!?…。！？")


@dataclass(frozen=True, slots=True)
class _Text:
    """The text of a post, in three forms.

    - `full`: the text of the body's element, without the lines that the site's rule for the body leaves out.
    - `plain`: `full` without the byline at its beginning and the signature at its end.
    - `tail`: the authors and sources that its last paragraphs name.
    """

    rendered: RenderedText
    full: str
    tail: credits.BodyTail
    plain: str


def read_by_rules(
    reader: SiteReader, known: PageKind = PageKind.UNKNOWN, decided: Answer | None = None
) -> Article | None:
    """Returns the article of the page of `reader` as the site's rules read it; None if the rules do not fit the page,
    which must then be extracted without them.

    The rules do not fit if the page is not a post, or if something is missing that they find on other posts, for
    example because the template has changed. The parameters are explained at `extract_page` (`known` is its
    `known_kind`).
    """
    page, rules = reader.page, reader.rules
    if rules.rule("title") is None or rules.rule("body") is None:
        return None
    if rules.platform:
        page.assume(rules.platform)
    kind = decided[1] if decided is not None else _post_rule(reader, known)
    title = _read_title(reader) if kind is not None else ""
    if kind is None or not title or reader.top is None or (decided is None and asks_for_password(reader.top)):
        return None
    text = _read_text(reader, title)
    authors = _authors_of(reader, text.tail, text.full)
    when = read_times(reader)
    text = replace(text, plain=_without_byline(text.plain, when.given, page.language or ""))
    categories, tags = read_terms(reader)
    if reader.is_strange or not text.plain:
        return None
    markup = text.rendered.markup(text.plain)
    article = Article(
        url=page.url,
        title=title,
        body=text.plain,
        captions=captions_of(markup),
        markup=markup,
        authors=authors,
        categories=categories,
        tags=tags,
        kind=PageKind.POST,
        kind_rule=kind,
        platform=page.platform.name,
        read_by=rules.version,
    )
    return _with_rest(_with_dates(article, when), reader, text)


def _read_title(reader: SiteReader) -> str:
    """Returns the title that the rules find; "" if they find no title or no body. Also sets `reader.top` to the element
    that contains the body.
    """
    title = reader.by_rule("title")
    reader.top = body_container(reader.page, reader.rules.fields["body"])
    if not isinstance(title, str) or not title or reader.top is None:
        return ""
    if not reader.has_hand_rule("title") and (reader.page.constants.refuses_title(title) or _names_site(reader, title)):
        return ""
    if reader.api is not None and reader.api.title and not reader.has_hand_rule("title"):
        title = reader.api.title
        reader.note_api("title", title)
    return title


def _names_site(reader: SiteReader, title: str) -> bool:
    """Returns True if a title is the site's name, which a page may declare as the title of a post without one."""
    return fold_text(title) in map(fold_text, reader.page.data.names_of_site())


def _read_text(reader: SiteReader, title: str) -> _Text:
    assert reader.top is not None
    rendered, whole_text = _read_body(reader, reader.top, title)
    tail = credits.read_tail(whole_text)
    paragraphs = whole_text.split("\n\n")
    plain = "\n\n".join(paragraphs[: -tail.paragraphs]) if tail.paragraphs else whole_text
    return _Text(rendered, whole_text, tail, "" if reader.page.constants.refuses_body(plain) else plain)


def _authors_of(reader: SiteReader, tail: credits.BodyTail, text: str) -> tuple[str, ...]:
    """Returns the authors that a hand-written rule finds. Without such a rule, returns the names in the signature at
    the end of the text (`text`), or else the authors found elsewhere on the page.
    """
    signed = () if reader.has_hand_rule("authors") else tail.authors
    authors = signed or read_authors(reader, text) or tail.authors
    if tail.authors and authors == tail.authors:
        reader.evidence.append(Evidence("authors", ", ".join(authors)[:300], "signed", "the end of the text", 0.85))
    reader.evidence += organization_evidence(reader.page, authors)
    return authors


def _with_dates(article: Article, when: Times) -> Article:
    published, modified = when.published, when.modified
    return replace(
        article,
        published=published.at if published else None,
        published_precision=published.precision if published else None,
        modified=modified.at if modified else None,
    )


def _with_rest(article: Article, reader: SiteReader, text: _Text) -> Article:
    """Returns the article with the fields added for which a site has no rules: geo-tags, bylines, language,
    description, image, addresses, the post's ID, and the other pages of a post that is split over several pages.
    """
    page, hint, top = reader.page, reader.hint, reader.top
    assert top is not None
    pages = find_parts(page)
    post = Post(page, body=top, holder=top)
    named = credits.credits_of_post(page, post, text.full, text.tail)
    places = with_publisher_role(
        geotags(page, post, hint, credits.dateline_place(text.full)),
        frozenset(parse_place_key(p) for p in reader.rules.places),
    )
    others = [Evidence("credits", one, "text", "", 0.7) for one in named]
    others += geotag_evidence(page, post, places) if places else []
    declared = candidates.declared_fields(
        page, top, hint, candidates.PostText.of(article.title, article.body, article.markup, top)
    )
    return replace(
        article,
        geotags=places,
        markup=public_markup(post, article.markup),
        credits=named,
        **declared.values,
        post_id=candidates.post_id(page, hint),
        guid=hint.guid if hint else "",
        given_urls=candidates.given_urls(page),
        short_url=candidates.short_url(page),
        evidence=(page.decoded.evidence(), *reader.evidence, *others, *declared.evidence),
        parts=pages.others,
        part=pages.number,
        part_of=pages.first,
        whole_at=page.url if reader.is_whole else pages.whole,
    )


def apply_hand_rules(article: Article, page: Page, rules: SiteRules) -> Article:
    """Returns an article that was extracted without site rules, in which the values that the site's hand-written rules
    find replace the extracted ones.
    """
    reader = SiteReader(page, rules, None)
    for name, rule in rules.fields.items():
        if rule.by_hand:
            article = _with_field(article, reader, name, rule)
    article = replace(article, evidence=(*reader.evidence, *article.evidence))
    return replace(article, read_by=f"{rules.version} in part") if any(e.value for e in reader.evidence) else article


def kind_by_hand(
    article: Article, page: Page, rules: SiteRules, hint: SourceHint | None, known: PageKind
) -> Answer | None:
    """Returns POST and the name of the deciding rule if a site's hand-written rules make the page a post, although
    extraction without site rules did not; otherwise None. `hint` is what a feed or an API says about the post, None if
    nothing; `known` is the kind of page that its source suggests.

    - If there are hand-written selectors for posts (`post`), all of them must match the page. In addition, the page
      must not declare itself a listing, an error or a password form.
    - If there are none, a hand-written rule must find the date of the post, and nothing else on the page may decide its
      kind.
    """
    if rules.post_by_hand:
        return _answer_of_marks(page, rules, hint, known)
    rule = rules.rule("published")
    if rule is None or not rule.by_hand or article.kind_rule != UNDATED:
        return None
    is_dated = isinstance(read_field(page, "published", rule), Moment)
    return (PageKind.POST, DATED_BY_HAND) if is_dated else None


def _answer_of_marks(page: Page, rules: SiteRules, hint: SourceHint | None, known: PageKind) -> Answer | None:
    """Returns POST and the name of the rule if all hand-written selectors for posts match the page; otherwise None.
    Also returns None if `classify_by_facts` says that the page is something else, such as an error page. `hint` is what
    a feed or an API says about the post, None if nothing; `known` is the kind of page that its source suggests.
    """
    if not all(page.ask(mark) for mark in rules.post):
        return None
    fact = classify_by_facts(page, Post(page), hint, known)
    return (PageKind.POST, BY_HAND) if fact is None or fact[0] in (PageKind.POST, PageKind.PAGE) else None


def _with_field(article: Article, reader: SiteReader, name: str, rule: Rule) -> Article:
    """Returns the article with the value that `rule` finds for the field `name`. If the rule finds nothing, this is
    recorded as evidence, and the article is returned unchanged.
    """
    if name == "body":
        top = body_container(reader.page, rule)
        rendered, text = _read_body(reader, top, article.title) if top is not None else (NO_TEXT, "")
        if not text:
            reader.evidence = [one for one in reader.evidence if one.field != name]
            reader.note_unmatched(name, rule)
        markup = rendered.markup(text)
        return replace(article, body=text, markup=markup, captions=captions_of(markup)) if text else article
    value = reader.by_rule(name)
    if not value:
        return article
    if not isinstance(value, Moment):
        return replace(article, **{name: value})  # type: ignore[arg-type]
    if name == "published":
        return replace(article, published=value.at, published_precision=value.precision)
    return replace(article, modified=value.at)


def _post_rule(reader: SiteReader, known: PageKind) -> str | None:
    """Returns the name of the classification rule that makes the page a post; None if the page is not certainly a post.
    `known` is the kind of page that its source suggests.
    """
    page, rules = reader.page, reader.rules
    if rules.post_by_hand:
        return BY_HAND if _answer_of_marks(page, rules, reader.hint, known) is not None else None
    answer = classify_at_a_glance(page, Post(page), reader.hint, known)
    if answer is not None:
        return answer[1] if answer[0] is PageKind.POST else None
    if rules.post:
        return "learned" if all(page.ask(mark) for mark in rules.post) else None
    reader.answer = kind, rule = classify_page(page, reader.hint, known, reader)
    return rule if kind is PageKind.POST else None


def _read_body(reader: SiteReader, top: Element, title: str) -> tuple[RenderedText, str]:
    """Returns the text of the element `top` in two forms: with the blocks it was made of, and as a string without the
    lines that the site's rule leaves out. If the page shows only the beginning of the text in a feed or API, both are
    that text.
    """
    page, rule = reader.page, reader.rules.fields["body"]
    others = [one for name in WEIGHED if (one := reader.rules.rule(name)) is not None]
    meta = [e for one in others if (e := _byline_element(page, one, top)) is not None]
    post = Post(page, body=top, holder=top)
    rendered = render_container(page, post, top, title, BylineBlock(elements=tuple(meta)), rule.drop)
    text = rendered.text
    if rule.lines:
        text = "\n\n".join(p for p in text.split("\n\n") if p not in rule.lines)
    reader.evidence.append(
        Evidence(
            "body",
            f"{len(text)} characters",
            BY_HAND if rule.by_hand else "learned",
            rule.select[0],
            round(rule.agreement, 2),
        )
    )
    whole = hint_body(text, page.url, title, reader.hint)
    reader.is_whole = bool(whole)
    if whole:
        source = "api" if reader.api is not None else "feed"
        reader.evidence[-1] = Evidence("body", f"{len(whole)} characters", source, "whole text", 0.9)
    return (whole, whole.text) if whole else (rendered, text)


def _without_byline(text: str, times: list[Moment], language: str) -> str:
    """Returns a text without its first paragraph if this paragraph is only a byline with one of the post's dates
    (`times`).
    """
    first, _, rest = text.partition("\n\n")
    if not rest or not times or len(first) > _MAX_BYLINE_LENGTH or first.endswith(_SENTENCE_END):
        return text
    shown = visible_date(first, language)
    return rest if shown is not None and shown.at.date() in {t.at.date() for t in times} else text


def _byline_element(page: Page, rule: Rule, top: Element) -> Element | None:
    """Returns the element from which `rule` reads another field (such as the authors), if it is inside the body's
    element `top` and as short as a byline; otherwise None. Such an element is not text of the post.
    """
    found = element_of_rule(page, rule)
    return (
        found
        if found is not None and found is not top and is_below(found, top) and not has_text(found, _MAX_META_LENGTH + 1)
        else None
    )


@dataclass(frozen=True, slots=True)
class _Options:
    """Options for extracting a page. The attributes have the same meaning as the parameters of `extract_page`."""

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
    with garbage_collection_paused():
        return _extract(page, hint, known_kind, _Options(posts_only, part_of, decided), rules)


@contextmanager
def garbage_collection_paused() -> Iterator[None]:
    """Context manager that pauses Python's search for reference cycles, which would take 5 % of the time of an
    extraction. Reference counting alone frees the objects of a page; if the page is freed within the pause, they are
    never searched.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def _extract(
    page: Page, hint: SourceHint | None, known_kind: PageKind, options: _Options, rules: SiteRules | None
) -> Article:
    located = PostLocator(page)
    if rules is None:
        return _extract_generally(located, hint, known_kind, options)
    page.constants = rules.constants
    answer = options.decided
    if not options.part_of:
        reader = SiteReader(page, rules, hint, located)
        article = read_by_rules(reader, known_kind, answer)
        if article is not None:
            return article
        answer = answer or reader.answer
    article = _extract_generally(located, hint, known_kind, replace(options, decided=answer))
    hand = rules.by_hand()
    if hand is None:
        return article
    if article.kind is not PageKind.POST and not options.part_of and options.decided is None:
        answer = kind_by_hand(article, page, hand, hint, known_kind)
        if answer is not None:
            article = _extract_generally(located, hint, known_kind, replace(options, decided=answer))
    if article.kind is not PageKind.POST and options.posts_only:
        return article
    if rules.constants and article.kind is PageKind.POST:
        article = replace(article, read_by=f"{rules.version} in part")
    return apply_hand_rules(article, page, rules)


def _extract_generally(
    located: PostLocator, hint: SourceHint | None, known_kind: PageKind, options: _Options
) -> Article:
    """Extracts the article of a page without site rules. `located` locates the post on it, `hint` is what a feed or an
    API says about the post, None if nothing; `known_kind` is the kind of page that its source suggests.
    """
    page = located.page
    kind, rule = options.decided or classify_page(page, hint, known_kind, located)
    if options.posts_only and kind is not PageKind.POST:
        return Article(url=page.url, kind=kind, kind_rule=rule, platform=page.platform.name)
    post, beside = located.post, located.beside
    host = (urlsplit(page.url).hostname or "").lower()
    names = _title.site_names(page)
    site = {fold_text(n) for n in names}
    evidence = [page.decoded.evidence()]

    titles = _title.title_candidates(page, post, hint, names, host)
    title = candidates.resolve_title(titles, site, page.path)
    evidence += [c.evidence("title") for c in titles]
    headline = title.value if title else ""
    if not headline and page.constants.titles:
        evidence.append(Evidence("title", "", CONSTANT, "", 0.0))

    text = read_body(page, post, headline, beside, hint)
    tail = credits.read_tail(text.text)
    plain = text.text
    if post.title_rule in LINE_RULES:
        plain = below_title_line(plain, headline, beside.lines)
    if tail.paragraphs:
        plain = "\n\n".join(plain.split("\n\n")[: -tail.paragraphs])
    if page.constants.refuses_body(plain):
        evidence.append(Evidence("body", plain, CONSTANT, text.locator, 0.0))
        plain = ""
    markup = text.rendered.markup(plain)
    evidence.append(Evidence("body", f"{len(plain)} characters", text.source, text.locator, text.confidence))

    changed = _dates.modified_candidates(page, post, hint, beside)
    times = _dates.published_candidates(page, post, hint, beside)
    people = author_candidates(page, post, hint, site, beside, tail.authors, text.text)
    author = candidates.resolve_authors(people)
    evidence += [c.evidence("authors") for c in people]
    evidence += organization_evidence(page, author.value if author else ())

    when = candidates.resolve_published(times, changed, url_date(page.path), page.captured_at)
    change = candidates.best_candidate(changed)
    evidence += candidates.published_evidence(times, when, page.captured_at)
    evidence += [c.evidence("modified") for c in changed]
    evidence += _dates.refused_dates(post) if when is None else []

    terms = categories.terms_of_post(page, post, hint)
    evidence += [c.evidence(name) for name, (_, found) in terms.items() for c in found]

    named = credits.credits_of_post(page, post, text.text, tail, beside.lines)
    evidence += [Evidence("credits", one, "text", "", 0.7) for one in named]
    places = geotags(page, post, hint, credits.dateline_place(text.text))
    evidence += geotag_evidence(page, post, places)
    markup = public_markup(post, markup)
    element = post.body if post.title is None else post.title
    declared = candidates.declared_fields(
        page, post.body, hint, candidates.PostText.of(headline, plain, markup, element)
    )
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
        categories=terms["categories"][0],
        tags=terms["tags"][0],
        geotags=places,
        credits=named,
        captions=captions_of(markup),
        markup=markup,
        **declared.values,
        kind=kind,
        kind_rule=rule,
        platform=page.platform.name,
        post_id=candidates.post_id(page, hint),
        guid=hint.guid if hint else "",
        given_urls=candidates.given_urls(page),
        short_url=candidates.short_url(page),
        evidence=tuple(evidence),
        parts=pages.others,
        part=pages.number,
        part_of=pages.first,
        whole_at=page.url if text.is_whole else pages.whole,
    )
