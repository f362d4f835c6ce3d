"""The site model: what is known of a site while its pages are read. It is frozen: a page is read by the model that the
run has at that moment. A checkpoint (`archiver.learning.checkpoint`) makes another one between pages, and so does the
home page (`archiver.spiders.home_page`), which says at the start of a run what the site answers for missing addresses.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from archiver.articles.post_verdicts import SiteVerdicts, judge_article
from archiver.discovery.soft_404 import SoftNotFoundProfile
from archiver.extraction.article import extract_page
from archiver.extraction.page import Page, parse_page
from archiver.extraction.page_classifier import Answer, page_form
from archiver.extraction.site_rules import SiteRules
from archiver.model.items import Article, PageKind, SourceHint, reports_post
from archiver.model.urls import Scope
from archiver.sites.page_objects import PageObjects


@dataclass(frozen=True, slots=True)
class SiteModel:
    """What is known of a site.

    - `rules`: its rules, learned or by hand; None if there are none.
    - `verdicts`: which templates (forms) of the site are those of posts.
    - `page_objects`: a person's own readers of pages.
    - `soft_not_found`: what it shows for an address that does not exist; None if that is not known.
    - `with_requisites`: True if the images, stylesheets and fonts of its posts are wanted.
    - `with_list_dates`: True if the dates beside the links of its lists are wanted, because its posts show none.
    """

    scope: Scope
    rules: SiteRules | None = None
    verdicts: SiteVerdicts = field(default_factory=SiteVerdicts)
    page_objects: PageObjects = field(default_factory=PageObjects)
    soft_not_found: SoftNotFoundProfile | None = None
    with_requisites: bool = False
    with_list_dates: bool = True

    @property
    def has_learned_rules(self) -> bool:
        """True if there are learned rules, which always include rules for the title and body."""
        return self.rules is not None and bool(self.rules.pages)


def read_article(
    page: Page,
    hint: SourceHint | None,
    known: PageKind,
    model: SiteModel,
    *,
    part_of: str = "",
    is_promised: bool = False,
) -> Article:
    """Reads the article of a page by what is known of its site.

    `hint` is what a feed or an API says about the post, None if nothing; `known` is the kind of page that its source
    suggests; `part_of` is the address of the post of which the page is a further part, or ""; `is_promised` is True if
    a feed, an API or a sitemap lists the page.
    """

    def extract(decided: Answer | None = None) -> Article:
        return extract_page(page, hint, known, posts_only=True, part_of=part_of, rules=model.rules, decided=decided)

    article = extract()
    if not part_of and model.verdicts.forms:
        article = judge_article(
            model.verdicts,
            page_form(page),
            article,
            is_promised=lambda: is_promised or reports_post(hint),
            extract=extract,
        )
    if is_split(article) and article.read_by:
        # The further pages of this post may be laid out differently, so all of its pages are read without learned
        # rules.
        hand = model.rules.by_hand() if model.rules is not None else None
        whole = parse_page(page.text, page.url, captured_at=page.captured_at)
        article = extract_page(whole, hint, known, posts_only=True, rules=hand)
    return model.page_objects.apply(article, page)


def is_split(article: Article) -> bool:
    """Returns True if a post continues on further pages, or is such a page."""
    return bool(article.parts) or article.part > 1
