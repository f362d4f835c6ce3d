"""Constants of a site: values that stand on its posts but belong to the site, such as its name above each post."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from archiver.extraction.article import extract_page
from archiver.extraction.normalization import element_line, fold_text
from archiver.extraction.page import Page
from archiver.extraction.site_rules import ReadPost, SiteConstants, SiteRules, find_constants
from archiver.extraction.term_names import FOLDER_WORDS
from archiver.extraction.titles import site_names
from archiver.learning.rule_induction import _MAX_LINKS, Sample, learn_rules
from archiver.model.items import PageKind, SourceHint


def _new_constants(samples: list[Sample]) -> SiteConstants:
    """Returns the constants of a site that its sample posts show. The result does not depend on the order of the posts.

    A name that one of the pages declares as the site's name is left out, since it is already known. A section to which
    a link or a folder in an address leads is left out, too, since it is a real section even if all of the samples are
    in it.
    """
    found = find_constants([ReadPost(s.article, s.page.head_title) for s in samples])
    declared = {fold_text(name) for s in samples for name in site_names(s.page)}
    return replace(
        found,
        names=tuple(name for name in found.names if fold_text(name) not in declared),
        sections=tuple(one for one in found.sections if not any(_leads_to_section(s.page, one) for s in samples)),
    )


def _leads_to_section(page: Page, name: str) -> bool:
    """Returns True if a link on a page, or a folder in its address, has the name `name` of a section. A name such as
    "Blog" does not count; it only says that the page is a post.
    """
    folded = fold_text(name)
    if folded in FOLDER_WORDS:
        return False
    return folded in map(fold_text, page.path.split("/")) or any(
        fold_text(element_line(a)) == folded for a in page.index.tag("a")[:_MAX_LINKS]
    )


def learn_with_constants(
    samples: list[Sample],
    read_again: Callable[[SiteConstants], list[Sample]],
    others: Iterable[Page],
    known: SiteConstants,
) -> SiteRules | None:
    """Learns a site's rules and its constants from sample posts. Constants are values that belong to the site and not
    to a post, such as its name above each post.

    If the samples contain constants, `read_again` extracts the samples again without them, and the rules are learned
    from the result. `others` are pages that are not posts. `known` are constants that were found earlier; the result
    includes them. If the posts have no common template, returns rules that contain only constants, or None if there are
    no new constants.
    """
    constants = _new_constants(samples)
    if constants:
        samples = read_again(constants)
    rules = learn_rules(samples, others)
    constants = known.with_others(constants)
    if rules is not None:
        return replace(rules, constants=constants)
    return SiteRules(constants=constants) if constants != known else None


def read_without_constants(sample: Sample, hint: SourceHint | None, constants: SiteConstants) -> Sample:
    """Extracts a sample post again with the source hint `hint` (None if it has none), without the site's constants, and
    returns it as a new sample.
    """
    decided, page = (PageKind.POST, sample.article.kind_rule), sample.page
    article = extract_page(page.without_rules(), hint, rules=SiteRules(constants=constants), decided=decided)
    return replace(sample, article=replace(article, read_by=""))
