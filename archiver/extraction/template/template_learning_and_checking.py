"""Learns a site's template during a crawl, and checks during the rest of the crawl that the rules still fit."""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Protocol

from archiver.extraction.article_extraction_with_site_rules import extract_page, garbage_collection_paused
from archiver.extraction.category_and_tag_links import FOLDER_WORDS
from archiver.extraction.page_classifier import Answer
from archiver.extraction.page_decoding_and_mojibake import DecodedText
from archiver.extraction.page_parsing_and_javascript_check import Page, parse_page
from archiver.extraction.template.page_form_fingerprint_and_date_slot import page_form
from archiver.extraction.template.rule_induction import MIN_POSTS, Sample, learn_rules, reports_whole_post, text_f1
from archiver.extraction.template.site_rules_and_constants import ReadPost, SiteConstants, SiteRules, find_constants
from archiver.extraction.text_normalization_and_formulas import element_line, fold_text
from archiver.extraction.title_candidates_and_site_names import site_names
from archiver.items import Article, PageForm, PageKind, SourceHint

ENOUGH = 25
"""A site's template is learned after this many posts. If a run ends with fewer posts, the template is learned from
these, provided that there are at least `MIN_POSTS`."""
_OTHERS = 15  # at most this many pages that are not posts are kept, to distinguish posts from them
_WATCHED = 20  # this many of the last posts decide whether the rules still fit
_MAX_STRANGE = 0.5  # if the rules do not fit at least this share of these posts, they are retired
_AUDIT_EACH = 25  # one in this many posts that are read with rules is also extracted without them
_AUDITS = 4
_MAX_WRONG = 3
_ALIKE = 0.9
_MIN_VARIETY = 0.5  # if a lower share of the last titles is distinct, the rule for the title is wrong
_MAX_PAGE_LENGTH = 3_000_000  # pages with more characters than this are not used for learning


@dataclass(frozen=True, slots=True)
class _KeptPage:
    """A page that is kept as compressed source until rules are learned. The parsed trees of 25 pages would need more
    memory than the rest of the crawl.

    - `form`: the form of a page that is not a post; None for a post.
    - `by_rules`: the article as the rules learned from it read it; None if these rules are no longer the site's.
    """

    text: bytes
    decoded: DecodedText  # its `text` is empty, since the text is kept compressed
    url: str
    captured_at: datetime | None
    article: Article | None = None
    hint: SourceHint | None = None
    form: PageForm | None = None
    by_rules: Article | None = None

    def page(self) -> Page:
        decoded = replace(self.decoded, text=zlib.decompress(self.text).decode("utf-8"))
        return parse_page(decoded, self.url, captured_at=self.captured_at)

    def sample(self) -> Sample:
        assert self.article is not None
        by_api = self.hint is not None and self.hint.from_api
        return Sample(self.page(), self.article, reports_whole_post(self.hint), by_api)


class Judge(Protocol):
    """An object that a TemplateLearner asks whether a page is a post in comparison with the site's other pages."""

    def before_learning(self) -> None:
        """Called by the learner right before it learns a template, so that the judgements are up to date."""

    def judge_article(
        self, page: Page, hint: SourceHint | None, article: Article, extract: Callable[[Answer], Article]
    ) -> Article:
        """Returns `article` if its kind (post, listing ...) is right. If the site's other pages show that it is wrong,
        returns the article that `extract` extracts from the page again; `extract` takes the right kind and the rule
        that decided it. `hint` is what a feed or an API says about the post, None if nothing.
        """

    def has_post_form(self, form: PageForm, article: Article) -> bool:
        """Returns True if a page has the form of the site's posts, although it was guessed not to be a post."""

    def held_among(self, urls: Collection[str]) -> Collection[str]:
        """Returns those of the URLs whose pages are held. The content of held pages is doubtful, so nothing is learned
        from it.
        """


class NoJudge:
    """The Judge of a site about whose other pages nothing is known. It never changes the kind of a page."""

    def before_learning(self) -> None:
        return None

    def judge_article(
        self, page: Page, hint: SourceHint | None, article: Article, extract: Callable[[Answer], Article]
    ) -> Article:
        return article

    def has_post_form(self, form: PageForm, article: Article) -> bool:
        return False

    def held_among(self, urls: Collection[str]) -> Collection[str]:
        return ()


class TemplateLearner:
    """Extracts the posts of one site during a crawl: first without site rules, and once it has learned some, with them.

    - `learned(rules)`: called with new rules; it stores them and returns them as stored.
    - `outdated(time)`: called with the time at which the site's template changed; it returns the rules that remain,
      None for none.
    """

    def __init__(
        self,
        rules: SiteRules | None,
        learned: Callable[[SiteRules], SiteRules],
        outdated: Callable[[datetime], SiteRules | None],
        judge: Judge | None = None,
    ) -> None:
        self.rules = rules
        self._judge: Judge = judge or NoJudge()
        self._learned, self._outdated = learned, outdated
        self._posts: list[_KeptPage] = []
        self._others: list[_KeptPage] = []
        self._taught_by: list[_KeptPage] = []
        # The last posts that were read with the rules; None in place of each post that the rules fit.
        self._strange: deque[_KeptPage | None] = deque(maxlen=_WATCHED)
        self._agrees: deque[bool] = deque(maxlen=_AUDITS)
        self._titles: deque[str] = deque(maxlen=_WATCHED)  # the titles of the last posts that were read with the rules
        self._read = 0

    @property
    def knows(self) -> bool:
        """Returns True if there are learned rules, which always include rules for the title and body."""
        return self.rules is not None and bool(self.rules.pages)

    def read(self, page: Page, hint: SourceHint | None, known: PageKind, part_of: str = "") -> Article:
        """Returns the article of a page, extracted with the site's rules if they fit. Keeps the page if rules can be
        learned from it.

        `hint` is what a feed or an API says about the post, None if nothing. `known` is the kind of page that its
        source suggests. `part_of` is the address of the post if the page was fetched as one of its further pages,
        otherwise "".
        """

        def extract(decided: Answer | None = None) -> Article:
            return extract_page(page, hint, known, posts_only=True, part_of=part_of, rules=self.rules, decided=decided)

        article = extract()
        if not part_of:
            article = self._judge.judge_article(page, hint, article, extract)
        split = bool(article.parts) or article.part > 1
        if split and article.read_by:
            # The further pages of this post may be laid out differently, so all of its pages are read without learned
            # rules.
            hand = self.rules.by_hand() if self.rules is not None else None
            article = extract_page(
                parse_page(page.text, page.url, captured_at=page.captured_at), hint, known, posts_only=True, rules=hand
            )
        if part_of or article.part > 1:
            return article
        if article.kind is not PageKind.POST:
            self._keep_other(page, article)
        elif self.knows and split:
            pass
        elif self.knows:
            self._watch(page, article, hint, known)
        else:
            self._keep(page, article, hint)
            if self.knows and self.rules is not None:
                # With this page the sample was complete, and rules were learned. So the page is now read with the
                # rules.
                return extract_page(page.without_rules(), hint, known, posts_only=True, rules=self.rules)
        return article

    def samples(self) -> Iterator[_KeptPage]:
        """Yields the posts from which this run's rules were learned, each only once. They were extracted without rules,
        so the caller extracts them again.
        """
        kept, self._taught_by = self._taught_by, []
        yield from kept

    def put_back(self, sample: _KeptPage) -> None:
        """Makes `samples` yield this sample once more."""
        self._taught_by.append(sample)

    def again(self, sample: _KeptPage) -> Article | None:
        """Returns the article of a sample post, extracted with the learned rules; None if the rules do not fit the
        page.
        """
        article = sample.by_rules or extract_page(sample.page(), sample.hint, PageKind.POST, rules=self.rules)
        return article if self.rules is not None and article.read_by == self.rules.version else None

    def finish(self) -> None:
        """Learns rules at the end of the run from the posts that were read, if no rules are known yet."""
        if not self.knows and len(self._posts) >= MIN_POSTS:
            self._learn()

    def _keep(self, page: Page, article: Article, hint: SourceHint | None) -> None:
        if len(page.text) > _MAX_PAGE_LENGTH or not article.body:
            return
        self._posts.append(_keep_page(page, article, hint))
        if len(self._posts) >= ENOUGH:
            self._learn(last=page.url)

    def _keep_other(self, page: Page, article: Article) -> None:
        if (
            len(self._others) < _OTHERS
            and not self.knows
            and len(page.text) <= _MAX_PAGE_LENGTH
            and (article.kind in (PageKind.LISTING, PageKind.PAGE))
        ):
            self._others.append(replace(_keep_page(page, article), form=page_form(page)))

    def _learn(self, last: str = "") -> None:
        """Learns rules from the posts that were kept. `last` is the address of the post that is being read, "" if none
        is. The other posts are to be read again by the rules, which is done while their trees are in memory.
        """
        self._judge.before_learning()
        self._posts = self._without_held(self._posts)
        if len(self._posts) < MIN_POSTS:
            return
        known = self.rules.constants if self.rules is not None else SiteConstants()
        with garbage_collection_paused():
            samples = [k.sample() for k in self._posts]
            rules = learn_with_constants(
                samples,
                lambda constants: [
                    read_without_constants(s, k.hint, constants) for s, k in zip(samples, self._posts, strict=True)
                ],
                self._certain_others(),
                known,
            )
            kept, self._posts = self._posts, []
            if rules is not None:
                self.rules = self._learned(rules)
            if rules is not None and rules.fields:
                self._taught_by = [
                    replace(k, by_rules=extract_page(s.page.without_rules(), k.hint, PageKind.POST, rules=self.rules))
                    for s, k in zip(samples, kept, strict=True)
                    if k.url != last and not s.article.parts and s.article.whole_at in ("", k.url)
                ]
        if rules is not None and rules.fields:
            self._strange.clear()
            self._others.clear()
            self._agrees.clear()
            self._titles.clear()

    def _certain_others(self) -> Iterator[Page]:
        """Yields the kept pages that are certainly not posts. Pages that have the form of the site's posts are left
        out.
        """
        for kept in self._others:
            if not (kept.article and kept.form and self._judge.has_post_form(kept.form, kept.article)):
                yield kept.page()

    def _watch(self, page: Page, article: Article, hint: SourceHint | None, known: PageKind) -> None:
        """Discards the learned rules if they do not fit half of the last posts, if they find the same titles on many of
        them, or if their results often differ from extraction without rules. `article` was extracted from `page` with
        the source hint `hint` (None if there was none) and the rules; `known` is the kind of page that its source
        suggests.
        """
        fits = self.rules is not None and article.read_by == self.rules.version
        self._strange.append(None if fits else _keep_page(page, article, hint))
        if fits:
            self._read += 1
            self._titles.append(article.title)
            if self._read % _AUDIT_EACH == 1:
                plain = extract_page(page.without_rules(), hint, known, posts_only=True)
                self._agrees.append(_are_similar(article, plain))
        strange = self._changed_pages()
        changed = bool(strange)
        is_constant = len(self._titles) == _WATCHED and len(set(self._titles)) < _MIN_VARIETY * _WATCHED
        if changed or is_constant or self._agrees.count(False) >= _MAX_WRONG:
            first = strange[0].captured_at if changed else page.captured_at
            self.rules = self._outdated(first or datetime.now(UTC))
            self._taught_by = [replace(kept, by_rules=None) for kept in self._taught_by]
            strange = strange or [kept for kept in self._strange if kept is not None]
            self._posts = [k for k in strange if k.article and k.article.body and len(k.text) <= _MAX_PAGE_LENGTH // 4]
            self._strange.clear()
            self._agrees.clear()
            self._titles.clear()

    def _changed_pages(self) -> list[_KeptPage]:
        """Returns, of the last posts that were read, those that the rules do not fit, if they are enough to show that
        the site has a new template; otherwise [].
        """
        strange = [kept for kept in self._strange if kept is not None]
        if len(self._strange) < _WATCHED or len(strange) < _MAX_STRANGE * _WATCHED:
            return []
        strange = self._without_held(strange)
        if len(strange) >= _MAX_STRANGE * _WATCHED:
            return strange
        self._strange = deque((kept for kept in self._strange if kept is None or kept in strange), maxlen=_WATCHED)
        return []

    def _without_held(self, kept: list[_KeptPage]) -> list[_KeptPage]:
        held = self._judge.held_among([one.url for one in kept])
        return [one for one in kept if one.url not in held]


_MAX_LINKS = 400


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


def _keep_page(page: Page, article: Article | None = None, hint: SourceHint | None = None) -> _KeptPage:
    packed = zlib.compress(page.text.encode("utf-8", errors="replace"), 1)
    return _KeptPage(packed, replace(page.decoded, text=""), page.url, page.captured_at, article, hint)


def _are_similar(ruled: Article, plain: Article) -> bool:
    """Returns True if two articles extracted from one page, with and without rules, have the same title or day and
    nearly the same text.
    """
    day = ruled.published.date() if ruled.published else None
    plain_day = plain.published.date() if plain.published else None
    return (ruled.title == plain.title or day == plain_day) and text_f1(ruled.body, plain.body) >= _ALIKE
