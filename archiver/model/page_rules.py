"""The rules by which the kind of a page is decided, by the names under which they are stored."""

from __future__ import annotations

from archiver.model.items import LISTED_DATE, UNDATED

POST_FORM_RULE = "form of the site's posts"
OTHER_FORM_RULE = "not the form of the site's posts"
BY_SOURCE = "kind given by its source"

PATTERN_BUDGET_RULE = "pattern-budget"
"""The rule of pages that the budget of their URL pattern excludes. The family of the pattern is appended to it:
"pattern-budget: dates"."""
PLAIN_FAMILIES = ("folder", "form")
"""The families of patterns of plain pages: pages that no source has reported and whose addresses have no other pattern.
Each such page is counted for its folder and for the form of its address."""
EQUIVALENT_URL_RULE = "equivalent-url"
"""The rule of URLs that show the same post as another URL. The kind of difference is appended to it."""

GUESSES = frozenset(
    (
        "byline",
        "date address",
        "dated",
        "dated address",
        LISTED_DATE,
        "documentation",
        POST_FORM_RULE,
        BY_SOURCE,
        "learned",
        "list of links",
        "listing address",
        "log",
        OTHER_FORM_RULE,
        "not-found",
        "one post",
        "page address",
        "search form",
        "several headings",
        "several posts",
        "teasers",
        UNDATED,
        "wall",
    )
)
"""The rules that only guess the kind of a page, from its appearance, its address or the pages that link to it. The
site's other pages may correct such a guess: pages of one form (with nearly the same markup) are mostly of one kind. All
other rules read what the page, its platform or its source declares, which is final."""


def is_declared(rule: str) -> bool:
    """Returns True if a classification rule, given by its name, reads what a page declares, so that its result is
    final. Returns False for a rule that only guesses; the site's other pages may overrule it.
    """
    return bool(rule) and rule not in GUESSES


BY_HAND = "rule by hand"
"""The source of evidence from a hand-written rule. Also the `kind_rule` of a page that is a post because the
hand-written selectors for posts match it."""


DATED_BY_HAND = f"dated by {BY_HAND}"
"""The `kind_rule` of a page that is a post because a hand-written rule finds its date."""
