"""How a site does, judged by its own past: pure, with the time as an argument.

Each check is a function from what is known of a site to what a person should look at, in a sentence that says what to
do. Where too little is known there is no judgement.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import pairwise, takewhile
from math import comb, log
from statistics import median
from typing import Literal

from archiver.fields import ESSENTIAL, MEASURED
from archiver.frontier.cadence import format_period
from archiver.storage.runs import MeasuredRun, together

# How surprising a number is beside what was seen before: exact for counts, robust for sizes.

SURPRISE = 0.001
"""What happens by chance less often than this is told."""
_MAD = 1.4826  # makes the median of deviations what the standard deviation is to values that are spread normally
_MOST = 500  # trials that are computed with; more only make what is sure surer


def chance_of_so_few(hits: int, trials: int, past_hits: int, past_trials: int) -> float:
    """The probability of `hits` or fewer in so many trials, if each hits as often as in the past."""
    if trials > _MOST:
        hits, trials = round(hits * _MOST / trials), _MOST
    share = (past_hits + 1) / (past_trials + 2)
    return sum(comb(trials, k) * share**k * (1 - share) ** (trials - k) for k in range(hits + 1))


def chance_of_so_many(hits: int, trials: int, past_hits: int, past_trials: int) -> float:
    """The probability of `hits` or more."""
    return chance_of_so_few(trials - hits, trials, past_trials - past_hits, past_trials)


def is_far(value: float, past: Sequence[float], factor: float) -> bool:
    """Whether a size is by more than `factor` above or below the median of the past, and far beyond its spread (five
    times the median deviation, on a scale of ratios). All are greater than 0."""
    middle = median(log(one) for one in past)
    spread = median(abs(log(one) - middle) for one in past) * _MAD
    return abs(log(value) - middle) > max(log(factor), 5 * spread)


# Which fields articles have lost, or whether posts themselves are, and since when: pure.

_PAST = 20
"""Articles that must have been read before a run is judged by them."""
_PAST_POSTS = 10
"""Posts that there must have been before: no more stand in many a feed."""
_LOST = 3  # posts that are lost, before that is more than chance
_FALL = 0.2
"""Part of the articles by which a field must have become rarer."""


@dataclass(frozen=True, slots=True)
class Fall:
    """`hits` of `trials` articles have the field since a run, `past_hits` of `past_trials` had it before; or of posts,
    how many were got."""

    since: datetime
    hits: int
    trials: int
    past_hits: int
    past_trials: int


def lost_fields(runs: Sequence[tuple[datetime, MeasuredRun]]) -> dict[str, Fall]:
    """The fields that are rarer by the last runs, and how. `runs` are in the order in which they began."""
    read = [(at, measured) for at, measured in runs if measured.articles]
    found = {name: _fall([(at, m.fields.get(name, 0), m.articles) for at, m in read]) for name in MEASURED}
    return {name: fall for name, fall in found.items() if fall}


def lost_posts(runs: Sequence[tuple[datetime, MeasuredRun]]) -> Fall | None:
    """How posts that the site's sources tell of are stored more seldom by the last runs; `runs` as in `fallen`."""
    return _lost_share([(at, one.stored, one.reported) for at, one in runs if one.reported])


def fewer_posts(runs: Sequence[tuple[datetime, MeasuredRun]]) -> Fall | None:
    """How new pages that nothing told of are posts more seldom."""
    return _lost_share([(at, one.posts, one.unreported) for at, one in runs if one.unreported])


def _lost_share(told: Sequence[tuple[datetime, int, int]]) -> Fall | None:
    fall = _fall(told, _PAST_POSTS)
    return fall if fall and fall.trials - fall.hits >= _LOST else None


def _fall(told: Sequence[tuple[datetime, int, int]], least: int = _PAST) -> Fall | None:
    past_hits = past = 0
    since: datetime | None = None
    hits = trials = 0
    for at, has, read in told:
        if past >= least and has / read < past_hits / past - _FALL:
            since, hits, trials = since or at, hits + has, trials + read
            continue
        # It is as it was: what came between was chance, or has passed.
        past_hits, past = past_hits + has, past + read
        if since and chance_of_so_few(hits, trials, past_hits - has, past - read) > SURPRISE:
            past_hits, past = past_hits + hits, past + trials
        since, hits, trials = None, 0, 0
    if since and chance_of_so_few(hits, trials, past_hits, past) <= SURPRISE:
        return Fall(since, hits, trials, past_hits, past)
    return None


# What to do about what is found: tables of sentences, each with the place of the site's name in it.

TRY_AGAIN = (
    "Look at its home page; 'archiver crawl {site}' tries again, and log/crawl.log beside the archive tells more."
)
OF_FAILURES = (
    (
        "it redirects to",
        "It has moved: 'archiver crawl' with the new address takes it up, and 'archiver sites set "
        "{site} crawl=no' leaves the old one out.",
    ),
    (
        "no such host",
        "Its domain has no address any more, or the network is down: look whether it moved; 'archiver "
        "sites set {site} crawl=no' leaves it out.",
    ),
    (
        "refuses it (40",
        "It shuts this program out: set a longer delay ('archiver sites set {site} delay=5'), or ask "
        "its owner for leave.",
    ),
    ("answers 429", "It is asked too often: set a longer delay ('archiver sites set {site} delay=5')."),
    ("certificate", "Its owner has to mend that; nothing is read before."),
)
"""Of a run that failed, by words of its reason; the first row whose words are in it."""
OF_OUTCOMES = {
    "failed": (
        "failed",
        "'archiver status {site}' tells why; where the site is tired of this program, set a longer "
        "delay ('archiver sites set {site} delay=5').",
    ),
    "refused": (
        "were refused",
        "'archiver status {site}' tells by which rule; where that is its robots.txt, or a "
        "block of this program, its owner can give leave.",
    ),
    "gone": (
        "were gone",
        "look at one of them in a browser: where it is there, the site shuts this program out, and "
        "its owner can give leave; else its posts were taken down, or moved without a redirect.",
    ),
    "duplicate": (
        "led to another page",
        "'archiver why' tells of each to which: a post that stands at two addresses "
        "is stored once, but behind a login or a home page nothing is read.",
    ),
}
"""Outcomes of pages by which nothing is stored: how they are told, and what to do about many."""


def of_failure(reason: str, site: str) -> str:
    """What to do about a run that failed for this reason; "" where the reason says so itself."""
    if "cannot be crawled" not in reason:
        return ""
    return next((advice for words, advice in OF_FAILURES if words in reason), TRY_AGAIN).format(site=site)


Level = Literal["green", "amber", "red", "unknown"]
LEVELS: tuple[Level, ...] = ("green", "unknown", "amber", "red")
"""The worse the later."""
_FEW = 5
"""Runs that must have measured something before a run is judged by them."""
_PAGES = 50  # of earlier runs, before their share of failures says something
_POSTS = 10  # whose times of publication make a rhythm
_NAMES = {"body": "text", "published": "date of publication"}
_QUIET_AT_LEAST = timedelta(days=3)


@dataclass(frozen=True, slots=True)
class JudgedRun:
    """A run of the ledger: `outcome` is "" while it is under way."""

    started: datetime
    outcome: str
    reason: str
    measured: MeasuredRun


@dataclass(frozen=True, slots=True)
class SilentSource:
    """A feed, sitemap or API that told of posts once and does not answer any more: `why`, and since which run."""

    kind: str
    url: str
    why: str
    since: datetime


@dataclass(frozen=True, slots=True)
class HealthInputs:
    """What is known of a site: its last runs, the newest first; when its `first` run began, and when its newest posts
    were published, the newest first; which of its sources are `dead`, of kinds of which none is alive, and whether one
    of another kind is `alive`; how many pages
    robots.txt now `forbids` that were posts of the archive, an example of them, and whether the home page is one
    (`closed`: the rule)."""

    site: str
    runs: Sequence[JudgedRun] = ()
    first: datetime | None = None
    published: Sequence[datetime] = ()
    dead: Sequence[SilentSource] = ()
    alive: bool = False
    forbids: int = 0
    forbidden: str = ""
    closed: str = ""


@dataclass(frozen=True, slots=True)
class HealthFinding:
    """`code` names the check, `about` what it speaks of (a field, a source) where there are several; `since` is when
    it began, as far as it is known."""

    code: str
    level: Level
    sentence: str
    about: str = ""
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Health:
    """`state` is the worst of the findings, "unknown" of a site without a run that ended."""

    state: Level
    findings: tuple[HealthFinding, ...] = field(default=())


def judge_site(known: HealthInputs, now: datetime) -> Health:
    """The health of a site."""
    ended = [run for run in known.runs if run.outcome]
    if not ended:
        return Health("unknown")
    measured = _begun(ended)
    findings = [finding for check in CHECKS for finding in check(known, ended, now)]
    findings += [finding for check in OF_MEASURES for finding in check(known, measured, now)]
    findings.sort(key=lambda one: -LEVELS.index(one.level))
    return Health(worst_level(one.level for one in findings), tuple(findings))


def _begun(runs: Sequence[JudgedRun]) -> list[JudgedRun]:
    """The runs, of which those up to the first that came to its end are one: what a crawl that was stopped has left,
    the old posts of a site above all, is not like what it has read, and no change."""
    first = next((n for n, run in enumerate(reversed(runs)) if run.outcome == "finished" and not run.reason), _FEW - 1)
    later, begun = list(runs[: -first - 1]), runs[-first - 1 :]
    return [*later, replace(begun[0], started=begun[-1].started, measured=together([run.measured for run in begun]))]


def worst_level(levels: Iterator[Level] | Sequence[Level]) -> Level:
    return max(levels, key=LEVELS.index, default="green")


def _ended(known: HealthInputs, runs: Sequence[JudgedRun], now: datetime) -> Iterator[HealthFinding]:
    """How the last runs ended: one that failed may be chance, one that was stopped goes on."""
    last = runs[0]
    alike = list(takewhile(lambda run: run.outcome == last.outcome, runs))
    since = alike[-1].started
    again = f" ({len(alike)} runs in a row, since {_day(since)})" if len(alike) > 1 else ""
    if known.closed:
        return
    if last.outcome == "failed":
        alone = len(alike) == 1 and len(runs) > 1
        yield HealthFinding(
            "failed",
            "amber" if alone else "red",
            f"Its last run failed{again}: {last.reason} {of_failure(last.reason, known.site)}".rstrip(),
            since=since,
        )
    elif last.outcome == "waiting" and len(alike) > 2:
        yield HealthFinding("waiting", "amber", f"It has been left alone{again}: {last.reason}", since=since)
    elif last.outcome == "interrupted" and len(alike) > 1:
        yield HealthFinding(
            "interrupted",
            "amber",
            f"It was stopped before its end{again}, last since {last.reason}: "
            f"'archiver crawl {known.site}' goes on, and log/crawl.log beside the archive tells more.",
            since=since,
        )


def _quiet(known: HealthInputs, runs: Sequence[JudgedRun], now: datetime) -> Iterator[HealthFinding]:
    """No new post for much longer than the site was ever silent in its last posts. One that slept already when it was
    crawled first sleeps on, which is no news."""
    times = sorted((at for at in known.published if at <= now), reverse=True)
    finished = next((run.started for run in runs if run.outcome == "finished"), None)
    if len(times) < _POSTS or finished is None:
        return
    gaps = sorted(a - b for a, b in pairwise(times))
    usual, longest = gaps[len(gaps) // 2], gaps[-1]
    silent, limit = min(now, finished) - times[0], max(1.5 * longest, 4 * usual, _QUIET_AT_LEAST)
    if silent > limit and (known.first or finished) - times[0] <= limit:
        yield HealthFinding(
            "quiet",
            "amber",
            f"No new post for {_long(silent)}; it was never silent for longer than "
            f"{_long(longest)} before: look whether it has posts that 'archiver status {known.site}' does "
            "not count, whether it moved, or whether it sleeps.",
            since=times[0],
        )


def _fields(known: HealthInputs, runs: Sequence[JudgedRun], now: datetime) -> Iterator[HealthFinding]:
    """A field that articles had is missing from those that were read of late, as after a redesign."""
    for name, fall in lost_fields([(run.started, run.measured) for run in reversed(runs)]).items():
        yield HealthFinding(
            "coverage",
            "red" if name in ESSENTIAL else "amber",
            f"{_NAMES.get(name, name).capitalize()}: {fall.hits:,} of {fall.trials:,} articles read since "
            f"{_moment(fall.since)} have it, before that {fall.past_hits / fall.past_trials:.0%}: the site's template "
            f"was probably changed. 'archiver show ID --evidence' of a new post shows what is found there, 'archiver "
            f"sites rules {known.site} --learn' learns the template anew, --set takes rules that you write; then "
            f"'archiver reextract {known.site}' reads again what is stored.",
            about=name,
            since=fall.since,
        )


def _posts(known: HealthInputs, runs: Sequence[JudgedRun], now: datetime) -> Iterator[HealthFinding]:
    """Posts that its feed, sitemap or API tells of come to nothing, or what is new there are no posts any more: one by
    one, they are no great share of a run."""
    told = [(run.started, run.measured) for run in reversed(runs)]
    if fall := lost_posts(told):
        yield HealthFinding(
            "posts",
            "red",
            f"Of {fall.trials:,} new posts that its sources told of since {_moment(fall.since)} "
            f"{fall.hits:,} could be stored, before that {fall.past_hits / fall.past_trials:.0%}: 'archiver status "
            f"{known.site}' and 'archiver why URL' tell why. Look at one in a browser: where its text is there, a "
            "script puts it in, or a login, a consent or a block stands before this program, and its owner can give "
            "leave.",
            about="told",
            since=fall.since,
        )
    if fall := fewer_posts(told):
        yield HealthFinding(
            "posts",
            "amber",
            f"Of {fall.trials:,} new pages since {_moment(fall.since)} {fall.hits:,} are posts, before that "
            f"{fall.past_hits / fall.past_trials:.0%}: the others have no date or author and no other sign of a post. "
            "If they are posts, the site's template was changed: 'archiver why URL' tells how one was read, "
            f"'archiver sites rules {known.site} --set' takes rules that say what a post is, and 'archiver crawl "
            f"{known.site} --full' looks again.",
            about="pages",
            since=fall.since,
        )


def _length(known: HealthInputs, runs: Sequence[JudgedRun], now: datetime) -> Iterator[HealthFinding]:
    """Texts are much shorter or longer than they were: a wall, or a template that is read wrongly."""
    told = _lengths(runs)
    if len(told) <= _FEW:
        return
    lengths = [length for _, length in told]
    now_, past = lengths[0], lengths[1:]
    if is_far(now_, past, 2.0):
        usual = median(past)
        since = list(takewhile(lambda one: is_far(one[1], past, 2.0), told))[-1][0]
        yield HealthFinding(
            "length",
            "amber",
            f"The texts read since {_moment(told[0][0])} have {now_:,.0f} characters "
            f"(median), {'more' if now_ > usual else 'fewer'} than the {usual:,.0f} of before: look at a new "
            "post with 'archiver show', whether a paywall or a new template stands between.",
            since=since,
        )


def _lengths(runs: Sequence[JudgedRun]) -> list[tuple[datetime, float]]:
    """Lengths of texts, of runs that read three and more together: when the first of them began, and the median of
    their medians. The newest first; so a site with a post a run is judged by three runs."""
    out: list[tuple[datetime, float]] = []
    some: list[JudgedRun] = []
    for run in reversed(runs):
        if run.measured.length and run.measured.articles:
            some.append(run)
            if sum(one.measured.articles for one in some) > 2:
                out.append((some[0].started, median(one.measured.length or 0.0 for one in some)))
                some = []
    return out[::-1]


_AT_LEAST = 3  # pages that come to nothing, before they are more than chance


def _failing(known: HealthInputs, runs: Sequence[JudgedRun], now: datetime) -> Iterator[HealthFinding]:
    """More pages come to nothing than used to. A run that looked at no post says nothing new."""
    told = [run for run in runs if run.measured.settled > run.measured.outcomes.get("not-article", 0)]
    if not told or runs[0].outcome == "failed":
        return
    last, past = told[0].measured, told[1:]
    total, before = last.settled, sum(run.measured.settled for run in past)
    if before < _PAGES:
        return
    for outcome, (verb, advice) in OF_OUTCOMES.items():
        hits, earlier = last.outcomes.get(outcome, 0), sum(run.measured.outcomes.get(outcome, 0) for run in past)

        def more(run: JudgedRun, outcome: str = outcome, earlier: int = earlier) -> bool:
            so_many, of = run.measured.outcomes.get(outcome, 0), run.measured.settled
            return (
                of > 0
                and so_many / of >= 0.1 + earlier / before
                and (chance_of_so_many(so_many, of, earlier, before) <= SURPRISE)
            )

        if hits < _AT_LEAST or not more(told[0]):
            continue
        bad = sorted(((n, status) for status, n in last.statuses.items() if status >= "400"), reverse=True)[:3]
        answers = ", ".join(f"{status} {n:,} times" for n, status in bad)
        how = f" (answers: {answers})" if answers and outcome in ("failed", "refused") else ""
        yield HealthFinding(
            "statuses",
            "amber",
            f"{hits:,} of {total:,} addresses {verb} in {_moment(told[0].started)}"
            f"{how}, before {earlier / before:.0%}: {advice.format(site=known.site)}",
            about=outcome,
            since=_since(told, more),
        )


def _slow(known: HealthInputs, runs: Sequence[JudgedRun], now: datetime) -> Iterator[HealthFinding]:
    told = [run for run in runs if run.measured.latency]
    if len(told) <= _FEW:
        return
    latest, past = told[0].measured.latency or 0.0, [run.measured.latency or 0.0 for run in told[1:]]

    def slower(run: JudgedRun) -> bool:
        seconds = run.measured.latency or 0.0
        return seconds > median(past) + 1 and is_far(seconds, past, 3.0)

    if slower(told[0]):
        yield HealthFinding(
            "slow",
            "amber",
            f"Its answers take {latest:.1f} s (median), before {median(past):.1f} s: it is "
            "asked more slowly by itself; where that lasts, set a longer delay or ask its owner.",
            since=_since(told, slower),
        )


def _sources(known: HealthInputs, runs: Sequence[JudgedRun], now: datetime) -> Iterator[HealthFinding]:
    if runs[0].outcome == "failed":
        return
    if len(known.dead) > 1 and not known.alive and not runs[0].measured.articles:
        which = "; ".join(f"its {source.kind}{_at(source)}: {source.why}" for source in known.dead)
        yield HealthFinding(
            "source",
            "red",
            f"Nothing that told of its posts does so any more ({which}): look at its home "
            "page, whether it moved, was sold, or shows a wall to this program; what is stored is kept.",
            about="all",
            since=max(source.since for source in known.dead),
        )
        return
    for source in known.dead:
        yield HealthFinding(
            "source",
            "amber",
            f"Its {source.kind}{_at(source)} tells of no posts any more ({source.why}), "
            f"and no other {source.kind} does: new posts are found by its other ways alone. Look for a new "
            f"address on its home page; 'archiver crawl' with it takes it up.",
            about=source.kind,
            since=source.since,
        )


def _at(source: SilentSource) -> str:
    return f" {source.url}" if source.url else ""


def _robots(known: HealthInputs, runs: Sequence[JudgedRun], now: datetime) -> Iterator[HealthFinding]:
    if known.closed:
        yield HealthFinding(
            "robots",
            "red",
            f"Its robots.txt now forbids its home page ({known.closed}), and nothing is "
            "found any more: ask its owner for leave, or have it left out with "
            f"'archiver sites set {known.site} crawl=no'.",
            about="home",
        )
    elif known.forbids:
        pages = f"{known.forbids:,} pages" if known.forbids > 1 else "a page"
        yield HealthFinding(
            "robots",
            "amber",
            f"Its robots.txt now forbids {pages} that the archive holds as posts, for "
            f"example {known.forbidden}: what is stored is kept, and not visited again; 'archiver why' names "
            "the rule, its owner can give leave.",
            about="posts",
        )


Check = Callable[[HealthInputs, Sequence[JudgedRun], datetime], Iterator[HealthFinding]]
CHECKS: tuple[Check, ...] = (_ended, _robots, _sources, _quiet)
OF_MEASURES: tuple[Check, ...] = (_posts, _fields, _failing, _length, _slow)
"""Checks of what each run measured beside those before it."""


def _since(runs: Sequence[JudgedRun], so: Callable[[JudgedRun], bool]) -> datetime:
    """When the last run began of those in a row, back from the newest, that are `so`: the newest is."""
    return list(takewhile(so, runs))[-1].started


def _day(at: datetime) -> str:
    return f"{at:%Y-%m-%d}"


def _moment(at: datetime) -> str:
    return f"the run of {at:%Y-%m-%d %H:%M} UTC"


def _long(span: timedelta) -> str:
    return f"{span.days:,} days" if span >= timedelta(days=2) else format_period(span)
