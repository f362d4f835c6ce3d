"""Decides which forms of a site are forms of posts, and corrects the kinds of single pages by these verdicts. A form is
a group of pages with nearly the same markup and with addresses of the same pattern.

If a page declares its kind, that kind is final. If the kind was guessed from the page alone, it is replaced when the
other pages of the form contradict it. A page whose form has no verdict keeps the guessed kind.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Self

from archiver.extraction.page_classifier import HEAD_SLOT, Answer, date_slot, shows_one_date
from archiver.model.items import LISTED_DATE, Article, PageForm, PageKind
from archiver.model.lazy_regex import lazy_regex
from archiver.model.page_rules import OTHER_FORM_RULE, POST_FORM_RULE, is_declared

MIN_PAGES = 8
"""A form with fewer pages than this is not judged by what its pages have in common, since that may be chance."""
ALIKE = 0.85
"""Two pages have the same form if the Jaccard similarity of their tokens is at least this."""
_VARIETY = 0.8  # in a form of posts, at least this share of the titles is distinct
_STRONG = 0.3  # if at least this share of a form's pages declare that they are posts, it is a form of posts
_PROMISED = 3  # if a feed or an API lists at least this many pages of a form as posts, it is a form of posts
_LISTED = 0.5  # in a form of dated posts, listings show at least this share of the pages as entries
_DATED = 0.5  # in a form of dated posts, at least this share has the date in the same place
_ALWAYS_DATED = 0.9
_MIN_DATED, _MIN_LISTS = 3, 3
_MAX_LISTED = 0.2  # in a form of pages that are not posts, at most this share is listed
_ON_LISTINGS = 0.1
_MIN_TOKENS = 3
_WHOLE_FORM = 0
"""The only element of `FormVerdict.post_tokens` if the form has no markup that distinguishes posts, but nearly all of
its pages are posts. No token has this hash."""
_TOP_ADDRESSES = frozenset(("s", "s.html", "s.htm", "s.php"))
DECLARED_TIME = frozenset(("json-ld", "published time", "learned"))
"""Rules by which a page counts as a post because its head declares a time of publication, or because it resembles posts
recognized by such a rule. They can be wrong, because many programs write the time of the file into the head of every
page."""
_SCORE, _SCORE_OF_MEMBER = 0.9, 0.8
_MANY_POSTS, _NEARLY_ALL = 20, 0.98
WEAK_POSTS = frozenset(("dated", "byline", "learned", LISTED_DATE))
"""Rules by which a page counts as a post because of weak signs: a date (on the page or in a list), a byline, or a
resemblance to posts recognized by such a rule. The verdict that a form is not a form of posts overrules them."""
_NUMBER_AT_END = lazy_regex(r"(?:(?<=/)|^)[Y9](?=(?:\.\w+)?$)")
_PLAIN_GUESSES = frozenset(("listing address", "page address", "several posts"))
_OTHERS = frozenset((PageKind.LISTING, PageKind.PAGE, PageKind.OTHER))


@dataclass(frozen=True, slots=True)
class FormMember:
    """A page as a member of its form: its kind so far and the rule that decided the kind, what the page shows, and
    which sources reported it.

    - `promised`: True if a feed or an API reports the page as a post.
    - `mapped`: True if a sitemap contains the page.
    - `listed`: True if a listing shows the page's title as a link.
    - `in_dated_list`: True if a list of posts shows a date beside its link to the page.
    - `day`: the day of publication (ISO 8601) of the page's article; "" if it has none.
    - `is_bare`: True if the article has hardly any text, and no image.
    - `is_entry`: True if a list shows the page as an entry, with or without its title.
    - `declares`: True if the page declares that it is an article.
    - `folder`: the first folder of its address, with 9 for each digit; "" at the top.
    """

    kind: PageKind
    rule: str
    hentry: str = ""
    titles: tuple[int, int] = (0, 0)
    date_slot: int = 0
    promised: bool = False
    mapped: bool = False
    listed: bool = False
    in_dated_list: bool = False
    day: str = ""
    is_bare: bool = False
    is_entry: bool = False
    folder: str = ""
    declares: bool = False

    @property
    def is_post(self) -> bool:
        return self.kind is PageKind.POST

    @property
    def is_shown(self) -> bool:
        """True if a feed, an API or a list of the site shows the page."""
        return self.promised or self.listed or self.is_entry

    @property
    def shows_date(self) -> bool:
        return self.date_slot not in (0, HEAD_SLOT)

    @property
    def is_strong(self) -> bool:
        return self.is_post and (is_declared(self.rule) or self.hentry == "post")


@dataclass(frozen=True, slots=True)
class FormEvidence:
    """What is known about a form of a site: its markup tokens, the pattern of its addresses, and its pages."""

    id: int
    address: str
    tokens: frozenset[int]
    members: tuple[FormMember, ...]

    @property
    def posts(self) -> list[FormMember]:
        return [one for one in self.members if one.is_post]


@dataclass(frozen=True, slots=True)
class FormVerdict:
    """The decision whether the pages of a form are posts.

    - `kind`: POST, PAGE (not posts), OTHER (not posts, although they declare that they are articles), or UNKNOWN.
    - `reason`: the reason as a phrase for people.
    - `post_tokens`: the markup tokens (hashes of element and class names) that distinguish posts of this form from the
      site's other pages. If there are too few of them, but nearly all pages of the form are posts, `post_tokens`
      contains only `_WHOLE_FORM`.
    - `is_dated`: True if nearly all posts of the form show their date.
    """

    form_id: int
    kind: PageKind
    reason: str
    address: str = ""
    tokens: frozenset[int] = frozenset()
    post_tokens: frozenset[int] = frozenset()
    is_dated: bool = False

    def fits(self, form: PageForm) -> bool:
        """Returns True if a page has the address pattern of this form and most of its `post_tokens`. If the form has
        none, the page must have nearly the same markup.
        """
        if self.address not in patterns_of_posts(form.address):
            return False
        is_member = self.has_member(form)
        if len(self.post_tokens) < _MIN_TOKENS:
            return is_member and (self.is_dated or _WHOLE_FORM in self.post_tokens)
        score = len(self.post_tokens & form.tokens) / len(self.post_tokens)
        return score >= (_SCORE_OF_MEMBER if is_member else _SCORE)

    def has_member(self, form: PageForm) -> bool:
        """Returns True if a page has nearly the same markup as the pages of this form."""
        return similarity(form.tokens, self.tokens) >= ALIKE

    def overrules(self, rule: str) -> bool:
        """Returns True if this verdict is more reliable than a page's guessed kind; `rule` is the rule that guessed it.
        Returns False if the form has hardly any `post_tokens` and the kind was guessed from the page's address or from
        the entries on it.
        """
        return len(self.post_tokens) >= _MIN_TOKENS or rule not in _PLAIN_GUESSES


@dataclass(frozen=True, slots=True)
class SiteVerdicts:
    """The verdicts on the forms of a site, by form ID. If there are no verdicts, all pages keep their kinds."""

    forms: Mapping[int, FormVerdict] = field(default_factory=dict)

    @classmethod
    def of(cls, verdicts: Iterable[FormVerdict]) -> Self:
        return cls({one.form_id: one for one in verdicts})

    def post_form_of(self, form: PageForm, kind: PageKind, rule: str) -> FormVerdict | None:
        """Returns the verdict by which a page is a post, although it was guessed to be something else. Returns None if
        the page does not have a form of posts, or if it declares its kind.
        """
        if kind not in _OTHERS or is_declared(rule) or form.hentry not in ("", "post"):
            return None
        fitting = (one for one in self.forms.values() if one.kind is PageKind.POST and one.fits(form))
        if self._has_form(form, PageKind.PAGE):
            fitting = (one for one in fitting if one.has_member(form))
        return next((one for one in fitting if one.overrules(rule)), None)

    def is_doubted(self, form: PageForm, rule: str, *, promised: bool) -> bool:
        """Returns True if a page counts as a post only because of weak signs (`WEAK_POSTS`), and its form was judged
        not to be a form of posts.

        A page that a feed or an API reported as a post (`promised`) is not doubted, unless only a list dates it
        (`LISTED_DATE`).
        """
        if (promised and rule != LISTED_DATE) or rule not in WEAK_POSTS or form.hentry == "post":
            return False
        return self.is_of_others(form)

    def is_of_others(self, form: PageForm) -> bool:
        """Returns True if the form of a page was judged not to be a form of posts."""
        return self._has_form(form, PageKind.PAGE) or self._has_form(form, PageKind.OTHER)

    def is_undated(self, form: PageForm, rule: str) -> bool:
        """Returns True if a page counts as a post only because it declares a time of publication (`DECLARED_TIME`), and
        its form was judged not to be a form of posts.
        """
        return rule in DECLARED_TIME and form.hentry != "post" and self._has_form(form, PageKind.OTHER)

    def _has_form(self, form: PageForm, kind: PageKind) -> bool:
        """Returns True if the form of a page is one with a verdict of this kind."""
        same = [one for one in self.forms.values() if one.kind is kind and one.address == form.address]
        return any(similarity(form.tokens, one.tokens) >= ALIKE for one in same)


def judge_article(
    verdicts: SiteVerdicts,
    form: PageForm,
    article: Article,
    *,
    is_promised: Callable[[], bool],
    extract: Callable[[Answer], Article],
) -> Article:
    """Returns the article of a page with its kind corrected by the verdict on its form. It may become a post, or a page
    that is not a post, or stay as it is.

    `is_promised` returns True if a feed or an API reported the page as a post. `extract` extracts the page
    again as a given kind, decided by a given rule. It is called for a page that may become a post. The page becomes one
    only if the new extraction finds a text or media, and a title or date. If the other posts of the form show their
    date, it must find the date in the same place, too (for a post without a title, in any place).
    """
    if article.kind is PageKind.POST:
        rule = article.kind_rule
        if verdicts.is_undated(form, rule) or (verdicts.is_doubted(form, rule, promised=False) and not is_promised()):
            return replace(article, kind=PageKind.PAGE, kind_rule=OTHER_FORM_RULE)
        return article
    verdict = verdicts.post_form_of(form, article.kind, article.kind_rule)
    if verdict is None:
        return article
    post = extract((PageKind.POST, POST_FORM_RULE))
    has_content = bool(post.body or form.media) and bool(post.title or post.published)
    shows_date = bool(date_slot(post)) or not verdict.is_dated or (not post.title and shows_one_date(post))
    return post if has_content and shows_date else article


def patterns_of_posts(address: str) -> tuple[str, ...]:
    """Returns the address patterns of the posts that may have the same form as a page, given the page's own pattern. If
    the pattern ends in a number, a second one is returned, with a name in that place: a slug may be a number, such as
    "/blog/2022/" next to "/blog/a-name/".
    """
    named = _NUMBER_AT_END.sub("s", address)
    return (address,) if named == address else (address, named)


def similarity(one: frozenset[int], other: frozenset[int]) -> float:
    """Returns the Jaccard similarity of two sets of tokens, 0 to 1."""
    together = len(one & other)
    total = len(one) + len(other) - together
    return together / total if total else 1.0


def judge_forms(forms: Sequence[FormEvidence], *, is_complete: bool = True) -> SiteVerdicts:
    """Returns the verdicts on the forms of a site: which are forms of posts, and which are forms of other pages.

    A form is a form of posts if it has at least `MIN_PAGES` pages with different titles and one of these is true:

    - Many of its pages declare that they are posts.
    - A feed or an API reports some of them.
    - Its posts show a date in the same place, and listings show its pages as entries.

    If the site has a form of posts, these are forms of other pages:

    - A form of many pages, none of which declares that it is a post or is reported as one, and few of which are listed.
    - Unlisted: no feed, API or list shows its pages, although they show nearly all posts of the site, the posts have
      addresses of other patterns or in other folders, and the pages do not have a date in the same place of the same
      markup. This rule needs a complete crawl, and counts for more than what the pages declare.
    - Undated: a form of a few pages that declare a time of publication without showing it, if the posts show theirs and
      have addresses of other patterns. (Many programs write the time of the file into the head of every page.) This
      rule needs a complete crawl, except for pages in the top folder of a site without posts there.

    Two more rules apply even if no form is known to be one of posts:

    - Dated by a list: the pages show no date, and only a list dates them, but most of them are in no such list, or the
      site's other posts have addresses of other patterns. This rule needs a complete crawl.
    - Same day: the pages have no text and all show the same day, although the posts of other forms show many days. The
      day is then part of the frame of the site, and the form is never one of posts.

    A crawl is complete (`is_complete`) if it has read the site to its end. Before that, listings may not have been
    read.
    """
    if is_vain := _do_lists_declare(forms):
        forms = [replace(one, members=tuple(map(_without_declaration, one.members))) for one in forms]
    same_day = {one.id: _same_day_reason(one, forms) for one in forms}
    known = {one.id: "" if same_day[one.id] else _post_reason(one) for one in forms}
    if is_complete:
        same_day |= {one.id: why for one in forms if not known[one.id] and (why := _listed_date_reason(one, forms))}
    posts = [one for one in forms if known[one.id]]
    if not posts:
        return SiteVerdicts.of(
            FormVerdict(one.id, PageKind.PAGE, why, one.address, one.tokens)
            for one in forms
            if (why := same_day[one.id])
        )
    elsewhere = _weights([one for one in forms if not known[one.id] and not _is_numbered(one, posts)])
    verdicts: list[FormVerdict] = []
    for one in forms:
        if why := known[one.id]:
            tokens = frozenset(token for token in one.tokens if elsewhere.get(token, 0.0) <= _ON_LISTINGS)
            if len(tokens) < _MIN_TOKENS and _are_nearly_all_posts(one):
                tokens = frozenset((_WHOLE_FORM,))
            verdicts.append(
                FormVerdict(one.id, PageKind.POST, why, one.address, one.tokens, tokens, _are_dated(one.posts))
            )
        elif why := same_day[one.id] or _other_reason(one):
            kind = PageKind.OTHER if is_vain else PageKind.PAGE
            verdicts.append(FormVerdict(one.id, kind, why, one.address, one.tokens))
        elif why := (_unlisted_reason(one, posts) if is_complete else "") or _undated_reason(
            one, posts, is_complete=is_complete
        ):
            verdicts.append(FormVerdict(one.id, PageKind.OTHER, why, one.address, one.tokens))
    return SiteVerdicts.of(verdicts)


def _do_lists_declare(forms: Sequence[FormEvidence]) -> bool:
    """Returns True if the lists of a site declare that they are articles. Such a declaration, which the theme makes on
    every page, says nothing of any.
    """
    lists = [one for form in forms for one in form.members if one.kind is PageKind.LISTING]
    return len(lists) >= _MIN_LISTS and sum(one.declares for one in lists) >= _ALWAYS_DATED * len(lists)


def _without_declaration(member: FormMember) -> FormMember:
    return replace(member, rule="learned") if member.rule in DECLARED_TIME else member


def _post_reason(form: FormEvidence) -> str:
    """Returns a phrase that says why a form is a form of posts; "" if it is not."""
    pages, posts = len(form.members), form.posts
    if pages < MIN_PAGES or not posts or not _titles_vary(form.members):
        return ""
    strong = sum(one.is_strong for one in form.members)
    if strong >= _STRONG * pages:
        return f"{strong} of its {pages} pages declare that they are posts"
    promised = sum(one.promised for one in form.members)
    if promised >= _PROMISED:
        return f"feeds or the API list {promised} of its {pages} pages"
    listed = sum(one.listed for one in form.members)
    slots = Counter(one.date_slot for one in posts if one.date_slot)
    dated = max(slots.values(), default=0)
    if dated >= max(_MIN_DATED, _DATED * len(posts)) and listed >= _LISTED * pages:
        return f"listings show {listed} of its {pages} pages as entries, and {dated} are dated in the same place"
    return ""


def _other_reason(form: FormEvidence) -> str:
    """Returns a phrase that says why a form is not a form of posts; "" if that is uncertain."""
    pages = len(form.members)
    if pages < MIN_PAGES or any(one.is_strong or one.promised or one.mapped for one in form.members):
        return ""
    if sum(one.listed for one in form.members) > _MAX_LISTED * pages:
        return ""
    return f"none of its {pages} pages declares that it is a post or is listed as one"


def _same_day_reason(form: FormEvidence, forms: Sequence[FormEvidence]) -> str:
    """Returns a phrase that says why the pages of a form, which were guessed to be posts by their dates, are not posts:
    they have no text, and all of them have the same day. Returns "" if they may be posts.
    """
    pages = len(form.members)
    if pages < _MANY_POSTS or any(one.is_strong or one.promised for one in form.members):
        return ""
    days = Counter(one.day for one in form.posts if one.rule == "dated" and one.is_bare and one.day)
    day, count = max(days.items(), key=lambda one: one[1], default=("", 0))
    # Pages that this verdict has already made pages of another kind are counted, too, so that it does not change again.
    if count + sum(one.rule == OTHER_FORM_RULE for one in form.members) < _ALWAYS_DATED * pages:
        return ""
    others = {one.day for other in forms if other is not form for one in other.posts if one.day}
    return f"its {pages} pages have no text, and all have the same day" if len(others - {day}) >= MIN_PAGES else ""


def _listed_date_reason(form: FormEvidence, forms: Sequence[FormEvidence]) -> str:
    """Returns a phrase that says why the pages of a form, which were guessed to be posts because a list dates them, are
    not posts; "" if they may be posts. Lists of changes to a manual, of releases and of events have dates, too.
    """
    members = [one for one in form.members if one.kind is not PageKind.LISTING]
    # Pages that this verdict has already made pages of another kind are counted, too, so that it does not change again.
    dated = [one for one in members if one.in_dated_list and one.rule in (LISTED_DATE, OTHER_FORM_RULE)]
    if not dated or any(one.is_strong or one.promised or (one.is_post and one.rule != LISTED_DATE) for one in members):
        return ""
    if len(members) >= MIN_PAGES and len(dated) < _DATED * len(members):
        return f"lists date only {len(dated)} of its {len(members)} pages"
    addresses = [other.address for other in forms for one in other.posts if one.rule != LISTED_DATE]
    if len(addresses) < max(_MIN_DATED, len(dated)) or not _has_other_pattern(form, addresses):
        return ""
    return f"its {len(members)} pages show no date, and the {len(addresses)} posts of the site have other addresses"


def _unlisted_reason(form: FormEvidence, posts: Sequence[FormEvidence]) -> str:
    """Returns a phrase that says why the pages of a form are not posts; "" if they may be posts.

    They are not posts if no feed, API or list shows them, although these show nearly all of the site's posts. In
    addition, the posts must have addresses of other patterns or in other folders, and the pages must not look like them
    down to the place of the date. A sitemap shows all pages of a site, posts or not, and many themes declare that each
    of them is an article.
    """
    pages, members = len(form.members), [one for other in posts for one in other.members]
    if any(one.is_shown or (one.is_strong and one.rule not in DECLARED_TIME) for one in form.members):
        return ""
    alike = [other for other in posts if similarity(form.tokens, other.tokens) >= ALIKE]
    slots = {one.date_slot for other in alike for one in other.posts if one.shows_date}
    if any(one.date_slot in slots for one in form.members):
        return ""
    if not any(one.is_post or one.rule == OTHER_FORM_RULE for one in form.members):
        return ""
    if len(members) < MIN_PAGES or sum(one.is_shown for one in members) < _NEARLY_ALL * len(members):
        return ""
    is_elsewhere = {one.folder for one in form.members}.isdisjoint(one.folder for one in members)
    if not is_elsewhere and not _has_other_pattern(form, [one.address for one in posts]):
        return ""
    return f"nothing lists its {pages} pages, whose addresses are not like those of the {len(members)} listed posts"


def _has_other_address(form: FormEvidence, posts: Sequence[FormEvidence]) -> bool:
    """Returns True if the site has many posts, and none of them has an address of this form's pattern."""
    is_known = sum(len(one.members) for one in posts) >= _MANY_POSTS
    return is_known and _has_other_pattern(form, [one.address for one in posts])


def _has_other_pattern(form: FormEvidence, addresses: Iterable[str]) -> bool:
    patterns = {pattern for address in addresses for pattern in patterns_of_posts(address)}
    return patterns.isdisjoint(patterns_of_posts(form.address))


def _is_numbered(form: FormEvidence, posts: Sequence[FormEvidence]) -> bool:
    """Returns True if the address pattern of a form differs from that of a form of posts only by a number in the place
    of the slug.
    """
    patterns = patterns_of_posts(form.address)[1:]
    return any(one.address in patterns and similarity(form.tokens, one.tokens) >= ALIKE for one in posts)


def _are_nearly_all_posts(form: FormEvidence) -> bool:
    """Returns True if nearly all pages of a form declare that they are posts or are reported as posts, and the form's
    addresses are below the top folder. The remaining pages then count as posts, too, even if all pages of the site have
    one template.
    """
    sure = sum(one.is_strong or one.promised for one in form.members)
    return form.address not in _TOP_ADDRESSES and sure >= _VARIETY * len(form.members)


def _undated_reason(form: FormEvidence, posts: Sequence[FormEvidence], *, is_complete: bool) -> str:
    """Returns a phrase that says why the few pages of a form are not posts, although they declare a time of
    publication; "" if they may be posts. `is_complete` is True if the site has been crawled to its end.

    They may be posts in any of these cases:

    - A feed, an API or a listing contains one of them.
    - One of them shows its date.
    - The site's posts have addresses of the same pattern.
    - The site's posts show no dates.
    - The site has not been crawled to its end.
    """
    pages, is_top = len(form.members), form.address in _TOP_ADDRESSES
    if pages >= MIN_PAGES or not all(_are_dated(one.posts) for one in posts):
        return ""
    if is_top and any(one.address in _TOP_ADDRESSES for one in posts):
        return ""
    if not is_top and not (is_complete and _has_other_address(form, posts)):
        return ""
    if any(one.promised or one.listed or one.shows_date or one.hentry == "post" for one in form.members):
        return ""
    known = (*DECLARED_TIME, OTHER_FORM_RULE)
    if not any(one.rule in known for one in form.members) or any(
        one.is_post and one.rule not in known for one in form.members
    ):
        return ""
    return f"its {pages} pages declare a time of publication and do not show it, as all posts of the site do"


def _titles_vary(members: Sequence[FormMember]) -> bool:
    """Returns True if nearly all pages differ from one another in their <title> or in their first heading."""
    for place in (0, 1):
        filled = [one.titles[place] for one in members if one.titles[place]]
        if 2 * len(filled) >= len(members) and len(set(filled)) >= _VARIETY * len(filled):
            return True
    return False


def _are_dated(posts: Sequence[FormMember]) -> bool:
    """Returns True if nearly all posts show their date."""
    return sum(bool(one.date_slot) for one in posts) >= _ALWAYS_DATED * len(posts)


def _weights(forms: Sequence[FormEvidence]) -> dict[int, float]:
    """Returns, for each markup token, the share (0 to 1) of the pages of all these forms that have it."""
    pages = sum(len(one.members) for one in forms)
    weights: Counter[int] = Counter()
    for one in forms:
        for token in one.tokens:
            weights[token] += len(one.members)
    return {token: n / pages for token, n in weights.items()} if pages else {}
