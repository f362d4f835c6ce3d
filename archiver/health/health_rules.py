"""Determines the health of a site by comparing its last runs with earlier runs. All functions are pure; the current
time is an argument.

Each check is a function from HealthInputs to findings. A finding is a sentence that says what is wrong and what to
do. A check that has too little data yields nothing.

A site is compared with its own past (how unlikely a number is, which fields or posts have become rarer, where the posts
show bursts or long silences), and with other sites: failures that began at about the same time at many of them, such as
an outage of this machine's network.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import pairwise, takewhile
from math import log
from statistics import median
from typing import Any, Literal

from archiver.articles.guard import MASS_RULES, REASONS, HoldRule
from archiver.frontier.cadence import CLOCK_TOLERANCE, format_period
from archiver.frontier.edit_estimates import chance_of_at_most
from archiver.model.fields import ESSENTIAL, MEASURED
from archiver.model.words import count_noun
from archiver.storage import Database
from archiver.storage.columns import stored_time
from archiver.storage.runs import EndedRun, FailedSeries, MeasuredRun, combine_statistics, ended_runs, failed_series
from archiver.storage.site_statistics_for_health import AcceptedPages, Deletions, PostDay, RepeatedValue, SiteContent
from archiver.storage.sources import EntryAudit
from archiver.storage.stored_rules import PageObjectUse

# Statistics: how unlikely a number is, given the past. Exact for counts, robust for sizes.

SURPRISE = 0.001
"""A change is reported if its probability is lower than this."""
_MAD = 1.4826  # scales the median absolute deviation to the standard deviation of a normal distribution
_MAX_TRIALS = 500  # larger samples are scaled down to this, since more trials would not change a verdict


def chance_of_so_few(hits: int, trials: int, past_hits: int, past_trials: int) -> float:
    """Returns the probability of at most `hits` hits in `trials` trials, if the hit rate is as in the past (`past_hits`
    of `past_trials`).
    """
    if trials > _MAX_TRIALS:
        hits, trials = round(hits * _MAX_TRIALS / trials), _MAX_TRIALS
    share = (past_hits + 1) / (past_trials + 2)
    return chance_of_at_most(hits, trials, share)


def chance_of_so_many(hits: int, trials: int, past_hits: int, past_trials: int) -> float:
    """Returns the probability of at least `hits` hits in `trials` trials, if the hit rate is as in the past
    (`past_hits` of `past_trials`).
    """
    return chance_of_so_few(trials - hits, trials, past_trials - past_hits, past_trials)


def is_far(value: float, past: Sequence[float], factor: float) -> bool:
    """Returns True if a value is far from the median of past values: more than `factor` times higher or lower, and by
    more than five scaled median absolute deviations. The logarithms of the values are compared, so all values must be
    greater than 0.
    """
    middle = median(log(one) for one in past)
    spread = median(abs(log(one) - middle) for one in past) * _MAD
    return abs(log(value) - middle) > max(log(factor), 5 * spread)


# Which fields or posts have become rarer, and since which run.

_LEAST_PAST_ARTICLES = 20
"""Runs are compared only if the earlier runs have read at least this many articles together."""
_LEAST_PAST_POSTS = 10
"""When the shares of stored posts are compared, the earlier runs must have fetched at least this many posts together.
The number is lower than for articles, because many feeds list only ten posts."""
_LEAST_LOST_POSTS = 3  # at least this many lost posts; fewer may be chance
_LEAST_DROP = 0.2
"""The share of articles with a field must have dropped by at least this much to be reported."""


@dataclass(frozen=True, slots=True)
class Drop:
    """A drop in the share of articles that have a certain field, or in the share of posts that were stored.

    - `since`: the start of the first run with the lower share.
    - `hits`, `trials`: since then, `hits` of `trials` articles have the field (or posts were stored).
    - `past_hits`, `past_trials`: the same numbers for the runs before.
    """

    since: datetime
    hits: int
    trials: int
    past_hits: int
    past_trials: int


def find_lost_fields(runs: Sequence[tuple[datetime, MeasuredRun]]) -> dict[str, Drop]:
    """Returns the drop of each field that has become rarer, by field. This is the drop in the share of pages that show
    the field or, if there is no such drop, in the share of articles that have it. `runs` are pairs of start time and
    statistics, in chronological order.

    The pages come first because a feed may still supply values that the pages no longer show.
    """
    read = [(at, one) for at, one in runs if one.articles]
    shown = [(at, one.fields if one.shown is None else one.shown, one.articles) for at, one in read]
    found: dict[str, Drop] = {}
    for name in MEASURED:
        fall = _find_drop([(at, fields.get(name, 0), articles) for at, fields, articles in shown]) or _find_drop(
            [(at, one.fields.get(name, 0), one.articles) for at, one in read]
        )
        if fall:
            found[name] = fall
    return found


_TOGETHER = timedelta(days=7)


def group_drops(drops: Mapping[str, Drop]) -> list[dict[str, Drop]]:
    """Groups drops that began within a week of one another, since one change of the site probably caused them. The
    earliest group comes first. Drops with one cause may begin in different runs, because one run may be too small to
    show all of them.
    """
    groups: list[dict[str, Drop]] = []
    for name, fall in sorted(drops.items(), key=lambda item: item[1].since):
        if groups and fall.since - next(iter(groups[-1].values())).since <= _TOGETHER:
            groups[-1][name] = fall
        else:
            groups.append({name: fall})
    return groups


def find_lost_posts(runs: Sequence[tuple[datetime, MeasuredRun]]) -> Drop | None:
    """Returns the drop in the share of listed posts that were stored; None if there is no drop. Listed means listed by
    the site's feeds, sitemaps and APIs. `runs` has the form that `find_lost_fields` takes.
    """
    return _find_lost_share([(at, one.stored, one.reported) for at, one in runs if one.reported])


def find_fewer_posts(runs: Sequence[tuple[datetime, MeasuredRun]]) -> Drop | None:
    """Returns the drop in the share of posts among new pages that no feed, sitemap or API lists; None if there is no
    drop. `runs` has the form that `find_lost_fields` takes.
    """
    return _find_lost_share([(at, one.posts, one.unreported) for at, one in runs if one.unreported])


def _find_lost_share(samples: Sequence[tuple[datetime, int, int]]) -> Drop | None:
    fall = _find_drop(samples, _LEAST_PAST_POSTS)
    return fall if fall and fall.trials - fall.hits >= _LEAST_LOST_POSTS else None


def _find_drop(samples: Sequence[tuple[datetime, int, int]], least: int = _LEAST_PAST_ARTICLES) -> Drop | None:
    past_hits = past = 0
    since: datetime | None = None
    hits = trials = 0
    for at, has, read in samples:
        if past >= least and has / read < past_hits / past - _LEAST_DROP:
            since, hits, trials = since or at, hits + has, trials + read
            continue
        # The figure is normal again, so an earlier drop was chance or is over.
        past_hits, past = past_hits + has, past + read
        if since and chance_of_so_few(hits, trials, past_hits - has, past - read) > SURPRISE:
            past_hits, past = past_hits + hits, past + trials
        since, hits, trials = None, 0, 0
    if since and chance_of_so_few(hits, trials, past_hits, past) <= SURPRISE:
        return Drop(since, hits, trials, past_hits, past)
    return None


_LEAST_DAYS = 10
"""A site must have at least this many days with posts before its rhythm is compared."""
_LEAST_POSTS = 20
_TIMES_USUAL = 5
_TIMES_MOST = 2
_REPORTED = timedelta(days=7)
_QUIET_AT_LEAST = timedelta(days=3)


@dataclass(frozen=True, slots=True)
class Burst:
    """A day with far more new posts than the site usually publishes.

    - `usual`: the median number of posts of the earlier days with posts.
    - `most`: the number of posts on the second-largest earlier day.
    - `example`: the URL of one of the posts.
    - `since`: the first of the consecutive days with a burst.
    """

    day: str
    posts: int
    usual: float
    most: int
    example: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Silence:
    """A period without posts that is longer than one would expect from the site's past. `longest` is the longest gap
    between two earlier days with posts; `since` is the time of the last post.
    """

    lasts: timedelta
    longest: timedelta
    since: datetime


def find_burst(days: Sequence[PostDay], now: datetime) -> Burst | None:
    """Returns the newest burst of the last seven days; None if there is none. `days` are the site's last days with
    posts, newest first.

    A day has a burst if it has at least 20 new posts, five times as many as usual, and twice as many as the
    second-largest earlier day. The largest one is ignored because the site may have imported its old posts on that day.
    """
    first, last = f"{now - _REPORTED:%Y-%m-%d}", f"{now + timedelta(days=1):%Y-%m-%d}"
    found: Burst | None = None
    for n, one in enumerate(days):
        if not first <= one.day <= last:
            continue
        burst = _judge_day(one, days[n + 1 :])
        if burst is None and found:
            break
        if burst:
            found = (
                Burst(found.day, found.posts, burst.usual, burst.most, found.example, burst.since) if found else burst
            )
    return found


def _judge_day(one: PostDay, before: Sequence[PostDay]) -> Burst | None:
    past = sorted(other.posts for other in before if other.posts)
    since = stored_time(one.day)
    if len(past) < _LEAST_DAYS or since is None:
        return None
    usual, most = median(past), past[-2]
    if one.new < max(_LEAST_POSTS, _TIMES_USUAL * usual, _TIMES_MOST * most):
        return None
    return Burst(one.day, one.new, usual, most, one.example, since)


def find_silence(days: Sequence[PostDay], first: datetime | None, looked_at: datetime, now: datetime) -> Silence | None:
    """Returns the silence of a site if it is much longer than every gap between its last days with posts; otherwise
    None. `days` has the form that `find_burst` takes. `first` and `looked_at` are the times of the first and the latest
    crawl. A site that was already silent at its first crawl is not reported.

    Gaps are measured between days, not between posts, because the posts of a burst follow one another within minutes.
    """
    times = [one.last for one in days if one.posts and one.last <= now]
    if len(times) < _LEAST_DAYS:
        return None
    gaps = sorted(later - earlier for later, earlier in pairwise(times))
    usual, longest = gaps[len(gaps) // 2], gaps[-1]
    lasts, limit = min(now, looked_at) - times[0], max(1.5 * longest, 4 * usual, _QUIET_AT_LEAST)
    if lasts <= limit or (first or looked_at) - times[0] > limit:
        return None
    return Silence(lasts, longest, times[0])


# Advice: what to do about a finding. `{site}` stands for the site's name.

TRY_AGAIN = (
    "Look at its home page; 'archiver crawl {site}' tries again. See log/crawl.log next to the archive for the details."
)
MOVED = (
    "It has moved: 'archiver sites move {site} {target}' gives the site its new address, and keeps its posts, settings "
    "and history."
)
_REFUSED = (
    "It blocks this program: set a longer delay ('archiver sites set {site} delay=5'), or ask its owner for access."
)
_TOO_OFTEN = "It receives too many requests: set a longer delay ('archiver sites set {site} delay=5')."
START_PAGE_ADVICE = {
    **{f"http-{status}": MOVED for status in (301, 302, 303, 307, 308)},
    "meta-refresh": MOVED,
    "no-host": (
        "Its domain has no address any more, or the network is down: check whether it has moved; 'archiver sites set "
        "{site} crawl=no' stops crawling it."
    ),
    **{f"http-{status}": _REFUSED for status in (401, 403, 407)},
    "http-429": _TOO_OFTEN,
    "tls": "Only its owner can repair its https.",
}
"""Advice for runs that failed at the start page, by the rule of that page's outcome."""
_UNUSABLE = frozenset({"failed", "refused", "gone", "out-of-scope"})
OUTCOME_ADVICE = {
    "failed": (
        "failed",
        "'archiver status {site}' shows why; if the site throttles this program, set a longer "
        "delay ('archiver sites set {site} delay=5').",
    ),
    "refused": (
        "were refused",
        "'archiver status {site}' shows by which rule; if its robots.txt forbids them or it blocks this program, ask "
        "its owner for access.",
    ),
    "gone": (
        "were gone",
        "open one of them in a browser: if it is there, the site blocks this program, and its owner can give "
        "access; otherwise its posts were removed, or moved without a redirect.",
    ),
    "duplicate": (
        "redirected to another page",
        "'archiver why' shows to which: a post with two addresses is stored once, but if they lead to a login or the "
        "home page, posts are lost.",
    ),
}
"""Maps each outcome of a page that stores no article to a verb that describes it, and to advice for a site with many
such pages.
"""


def start_page_advice(start_page: tuple[str, str] | None, site: str, moved_to: str = "") -> str:
    """Returns advice about a failed run; "" if the start page is not the problem, because the run did not fetch it or
    could use it. `start_page` is the outcome and rule of the start page, None if the run did not fetch it; `moved_to`
    is the address to which it redirects, or "".
    """
    if start_page is None or start_page[0] not in _UNUSABLE:
        return ""
    return START_PAGE_ADVICE.get(start_page[1], TRY_AGAIN).format(site=site, target=moved_to or "NEW")


Level = Literal["green", "amber", "red", "unknown"]
LEVELS: tuple[Level, ...] = ("green", "unknown", "amber", "red")
"""The levels, from best to worst."""
_LEAST_PAST_RUNS = 5
"""A run is compared only if at least this many earlier runs have statistics."""
_PAGES = 50  # if earlier runs fetched fewer pages, their failure rate means little
_NAMES = {"body": "text", "published": "date of publication"}


@dataclass(frozen=True, slots=True)
class JudgedRun:
    """A crawl run with its statistics. `outcome` is "" while the run is in progress."""

    started: datetime
    outcome: str
    reason: str
    measured: MeasuredRun


@dataclass(frozen=True, slots=True)
class SilentSource:
    """A feed, sitemap or API that listed posts in the past and lists none now. `why` is the reason; `since` is the
    start of the first run in which it listed none.
    """

    kind: str
    url: str
    why: str
    since: datetime


@dataclass(frozen=True, slots=True)
class HealthInputs:
    """The stored data about a site from which its health is determined.

    - `runs`: its last runs, newest first.
    - `first`: when its first run started.
    - `days`: the last days on which it published posts, newest first.
    - `dead`: for each kind of source (feed, sitemap, API) of which none works any more, one source of that kind.
    - `alive`: True if a source of any kind works.
    - `forbids`: the number of archived posts that robots.txt now forbids; `forbidden` is the URL of one of them.
    - `closed`: the robots.txt rule that forbids the home page, or "".
    - `start_page`: outcome and rule of the start page, if the last run fetched it.
    - `moved_to`: the address on another host to which the start page redirects, or "".
    - `content`: figures about the content of its articles and pages.
    - `deletions`: the posts that were recently found gone.
    - `entries`: how many of the entries that the site shows as posts are stored.
    - `accepted`: the held pages whose new content recent runs have stored, because several fetches had confirmed it.
    """

    site: str
    runs: Sequence[JudgedRun] = ()
    first: datetime | None = None
    days: Sequence[PostDay] = ()
    dead: Sequence[SilentSource] = ()
    alive: bool = False
    forbids: int = 0
    forbidden: str = ""
    closed: str = ""
    start_page: tuple[str, str] | None = None
    moved_to: str = ""
    content: SiteContent = field(default_factory=SiteContent)
    deletions: Deletions = field(default_factory=Deletions)
    entries: EntryAudit = field(default_factory=EntryAudit)
    accepted: AcceptedPages = field(default_factory=AcceptedPages)


@dataclass(frozen=True, slots=True)
class HealthFinding:
    """A problem of a site or the archive.

    - `code`: identifies the check that found it.
    - `about`: its subject (a field, a source), if the check can find several problems.
    - `since`: when the problem began, if known.
    - `figure`: its size, a number or a share that grows as the problem gets worse, if it is measured.
    """

    code: str
    level: Level
    sentence: str
    about: str = ""
    since: datetime | None = None
    figure: float | None = None

    @property
    def key(self) -> str:
        """Returns the key that identifies the finding among the findings of its site: its code and its subject."""
        return f"{self.code} {self.about}".strip()


@dataclass(frozen=True, slots=True)
class Health:
    """The health of a site or the archive. `state` is the worst level of the findings, or "unknown" if no run of the
    site has ended. `accepted` are the findings that a person has acknowledged; they do not affect `state`.
    """

    state: Level
    findings: tuple[HealthFinding, ...] = field(default=())
    accepted: tuple[HealthFinding, ...] = field(default=())


def judge_site(known: HealthInputs, now: datetime) -> Health:
    """Runs all checks on a site's stored data, and returns its health with the findings. `now` is the current time."""
    ended = [run for run in known.runs if run.outcome]
    if not ended:
        return Health("unknown")
    newest = max(run.started for run in ended)
    if newest > now + CLOCK_TOLERANCE:  # runs of the future cannot be compared with others
        clock = HealthFinding(
            "clock",
            "red",
            f"The clock says {now:%Y-%m-%d %H:%M} UTC, but a run began at {newest:%Y-%m-%d %H:%M} UTC. Set the clock, "
            "because captures are stored with its time; if it is right now, it was wrong in that run: 'archiver status "
            f"{known.site} --accept'.",
            about=f"{newest:%Y-%m-%d}",
        )
        rest = judge_site(replace(known, runs=[run for run in known.runs if run.started <= now + CLOCK_TOLERANCE]), now)
        return Health("red", (clock, *rest.findings))
    measured = _merge_first_crawl(ended)
    findings = [finding for check in CHECKS for finding in check(known, ended, now)]
    findings += [finding for check in STATISTICS_CHECKS for finding in check(known, measured, now)]
    if any(one.code == "entries" for one in findings):
        findings = [one for one in findings if one.code not in ("untaken", "undated")]  # these guess what it knows
    if any((one.code, one.about) == ("coverage", "published") for one in findings):
        findings = [one for one in findings if one.code != "no-date"]  # it says the same, and not since when
    findings.sort(key=lambda one: -LEVELS.index(one.level))
    return Health(worst_level(one.level for one in findings), tuple(findings))


def _merge_first_crawl(runs: Sequence[JudgedRun]) -> list[JudgedRun]:
    """Returns the runs with those up to the first complete one merged into one run. If a first crawl takes several
    runs, the first of these read new posts and the last of them old posts. Without the merge, the differences between
    new and old posts would look like a change of the site.
    """
    first = next(
        (n for n, run in enumerate(reversed(runs)) if run.outcome == "finished" and not run.reason),
        _LEAST_PAST_RUNS - 1,
    )
    later, initial = list(runs[: -first - 1]), runs[-first - 1 :]
    merged = combine_statistics([run.measured for run in initial])
    return [*later, replace(initial[0], started=initial[-1].started, measured=merged)]


def worst_level(levels: Iterator[Level] | Sequence[Level]) -> Level:
    return max(levels, key=LEVELS.index, default="green")


def _check_last_runs(known: HealthInputs, runs: Sequence[JudgedRun], now: datetime) -> Iterator[HealthFinding]:
    """Yields a finding if the last run failed, or if at least two runs in a row are waiting or were interrupted. A
    failure is red if it repeats, because a single failure may be chance. A single run that is waiting or was
    interrupted is not reported, because the next run continues it.
    """
    last = runs[0]
    alike = list(takewhile(lambda run: run.outcome == last.outcome, runs))
    since = alike[-1].started
    again = f" ({len(alike)} runs in a row, since {_day(since)})" if len(alike) > 1 else ""
    if known.closed:
        return
    if last.outcome == "failed":
        advice = start_page_advice(known.start_page, known.site, known.moved_to)
        yield HealthFinding(
            "failed",
            "amber" if len(alike) == 1 else "red",
            f"Its last run failed{again}: {last.reason} {advice}".rstrip(),
            since=since,
        )
    elif last.outcome == "waiting" and len(alike) > 1:
        yield HealthFinding("waiting", "amber", f"Its crawls are on hold{again}: {last.reason}", since=since)
    elif last.outcome == "interrupted" and len(alike) > 1:
        yield HealthFinding(
            "interrupted",
            "amber",
            f"Its crawl was interrupted{again}, most recently because {last.reason}: "
            f"'archiver crawl {known.site}' continues it, and log/crawl.log next to the archive gives the details.",
            since=since,
        )


def _check_quiet(known: HealthInputs, runs: Sequence[JudgedRun], now: datetime) -> Iterator[HealthFinding]:
    """Yields a finding if the time since the last new post is much longer than the gaps between the site's last days
    with posts.
    """
    finished = next((run.started for run in runs if run.outcome == "finished"), None)
    if finished and (silence := find_silence(known.days, known.first, finished, now)):
        yield HealthFinding(
            "quiet",
            "amber",
            f"No new post for {_long(silence.lasts)}; previously, the longest gap was {_long(silence.longest)}: check "
            f"whether it has posts that 'archiver status {known.site}' does not count, has moved, or is inactive.",
            since=silence.since,
        )


def _check_burst(known: HealthInputs, runs: Sequence[JudgedRun], now: datetime) -> Iterator[HealthFinding]:
    """Yields a finding if the site has published far more posts on one day than ever before."""
    if burst := find_burst(known.days, now):
        yield HealthFinding(
            "burst",
            "amber",
            f"{burst.posts:,} new posts on {burst.day}, usually {burst.usual:,.0f} a day and at most {burst.most:,}, "
            f"for example {burst.example}: look at some of them ('archiver search \"site:{known.site} "
            f"date:{burst.day}\"'). If they are spam, tell the site's owner; if a crawl mistook other pages for posts, "
            "'archiver runs undo' withdraws them.",
            since=burst.since,
            figure=burst.posts,
        )


_MOST_EXAMPLES = 3


_GONE_SHARE = 0.1
_GONE_AT_LEAST = 2


def _check_deletions(known: HealthInputs, runs: Sequence[JudgedRun], now: datetime) -> Iterator[HealthFinding]:
    """Yields findings about posts that are gone, and about many posts that redirect to one page. Deletions are red from
    a tenth of the site's posts, and amber if the site's past does not explain them.
    """
    found = known.deletions
    if found.redirected:
        several = f"{len(found.targets):,} pages that show no post, such as "
        target = f"{several if found.targets[1:] else 'one page, '}{found.targets[0]}" if found.targets else "one page"
        yield HealthFinding(
            "redirected",
            "red",
            f"{len(found.redirected):,} of {found.posts:,} posts redirect to {target}: for example "
            f"{found.redirected[0]}. That is a fault of the site, so none of them is marked as gone. Look at the page; "
            f"if the posts really are gone, 'archiver sites release {known.site} --accept' marks them.",
            figure=len(found.redirected),
        )
    number = len(found.urls) + len(found.unconfirmed) + len(found.listed)
    if not number:
        return
    is_red = number >= _GONE_AT_LEAST and found.share >= _GONE_SHARE
    level: Level = "red" if is_red else "amber" if _are_deletions_unusual(found) else "green"
    sentences = [
        _name_posts(urls, what)
        for urls, what in (
            (found.urls, "no longer online"),
            (found.unconfirmed, "gone, which a crawl on another day must confirm"),
            (found.listed, "gone but still listed by the site, and therefore not marked"),
        )
        if urls
    ]
    if is_red:
        sentences.append(f"That is {found.share:.0%} of the site's {found.posts:,} posts: ask its owner why.")
    elif level == "amber":
        sentences.append(
            f"That is more than usual (previously {found.past_gone:,} of {found.past_fetched:,} fetches of known posts "
            "found one gone): ask the site's owner if they were removed by mistake."
        )
    kept = "it" if number == 1 else "them"
    sentences.append(f"The archive keeps {kept}; 'archiver why URL' shows what the site answers.")
    yield HealthFinding("deletions", level, " ".join(sentences), since=found.last, figure=number)


def _name_posts(urls: Sequence[str], what: str) -> str:
    """Returns a sentence that says what some posts are, with examples."""
    posts = "A post is" if len(urls) == 1 else f"{len(urls):,} posts are"
    more = f" and {len(urls) - _MOST_EXAMPLES:,} more" if len(urls) > _MOST_EXAMPLES else ""
    return f"{posts} {what}: {', '.join(urls[:_MOST_EXAMPLES])}{more}."


def _check_accepted(known: HealthInputs, runs: Sequence[JudgedRun], now: datetime) -> Iterator[HealthFinding]:
    """Yields a finding if recent runs have stored the new content of held pages, because several fetches had confirmed
    it and no person had decided otherwise.
    """
    found = known.accepted
    if not found.pages:
        return
    pages = "A held page was" if found.pages == 1 else f"{found.pages:,} held pages were"
    yield HealthFinding(
        "accepted",
        "green",
        f"{pages} accepted after three identical fetches. 'archiver runs list {known.site}' shows by which runs; "
        f"'archiver runs undo {found.run_id}' takes back the last.",
        since=found.last,
        figure=found.pages,
    )


def _are_deletions_unusual(found: Deletions) -> bool:
    gone, fetched = len(found.urls), max(found.fetched, len(found.urls))
    return (
        gone >= _AT_LEAST
        and found.past_fetched >= _PAGES
        and chance_of_so_many(gone, fetched, found.past_gone, found.past_fetched) <= SURPRISE
    )


_REREAD = (
    "'archiver show ID --evidence' shows what was found in a new post; 'archiver sites rules {site} --learn' learns "
    "the new template, --set takes rules that you write; then run 'archiver reextract {site}' to re-extract the stored "
    "captures."
)


def _check_template(known: HealthInputs, runs: Sequence[JudgedRun], now: datetime) -> Iterator[HealthFinding]:
    """Yields findings if recent articles lack fields, or if their texts are much shorter or longer than before. Changes
    that began together are reported as one finding, about the most important field.
    """
    drops = find_lost_fields([(run.started, run.measured) for run in reversed(runs)])
    length = _find_other_length(runs)
    for group in group_drops(drops):
        first = min(fall.since for fall in group.values())
        together = length if length and abs(length.since - first) <= _TOGETHER else None
        length = None if together else length
        yield _changed_template(known.site, group, first, together)
    burst = find_burst(known.days, now)
    if length and not (burst and burst.since <= length.since):  # a burst may consist of another kind of posts
        yield HealthFinding(
            "length",
            "amber",
            f"The texts read since {_moment(length.latest)} have {length}: check with 'archiver show' whether a new "
            "post shows a paywall or a new template.",
            since=length.since,
        )


def _changed_template(
    site: str, group: Mapping[str, Drop], first: datetime, length: _OtherLength | None
) -> HealthFinding:
    names = sorted(group, key=lambda name: (name not in ESSENTIAL, list(MEASURED).index(name)))
    lost = [
        f"{_NAMES.get(name, name)} ({fall.hits:,} of {fall.trials:,} have it, previously "
        f"{fall.past_hits / fall.past_trials:.0%})"
        for name in names
        for fall in (group[name],)
    ]
    texts = f" Their texts have {length}." if length else ""
    return HealthFinding(
        "coverage",
        "red" if names[0] in ESSENTIAL else "amber",
        f"Articles read since {_moment(first)} lack what earlier ones have: {', '.join(lost)}.{texts} The site's "
        f"template has probably changed; posts that had {'them' if len(names) > 1 else 'it'} keep "
        f"{'them' if len(names) > 1 else 'it'}. {_REREAD.format(site=site)}",
        about=names[0],
        since=first,
        figure=max(1 - fall.hits / fall.trials for fall in group.values()),
    )


def _check_posts(known: HealthInputs, runs: Sequence[JudgedRun], now: datetime) -> Iterator[HealthFinding]:
    """Yields a finding if posts that a feed, sitemap or API lists cannot be stored, or if new pages are no longer
    recognized as posts. Adds up several runs, because a single run has too few posts.
    """
    history = [(run.started, run.measured) for run in reversed(runs)]
    if fall := find_lost_posts(history):
        yield HealthFinding(
            "posts",
            "red",
            f"Of {fall.trials:,} new posts that its sources have listed since {_moment(fall.since)}, "
            f"{fall.hits:,} could be stored, previously {fall.past_hits / fall.past_trials:.0%}: 'archiver status "
            f"{known.site}' and 'archiver why URL' show why. Open one in a browser: if its text is there, a script "
            "inserts it, or a login, a consent wall or a block keeps this program out, and its owner can give access.",
            about="listed",
            since=fall.since,
            figure=1 - fall.hits / fall.trials,
        )
    if fall := find_fewer_posts(history):
        yield HealthFinding(
            "posts",
            "amber",
            f"Of {fall.trials:,} new pages since {_moment(fall.since)}, {fall.hits:,} are posts, previously "
            f"{fall.past_hits / fall.past_trials:.0%}: the others have no date or author and no other sign of a post. "
            "If they are posts, the site's template has changed: 'archiver why URL' shows how one was read, "
            f"'archiver sites rules {known.site} --set' takes rules that say what a post is, and 'archiver crawl "
            f"{known.site} --full' fetches them again.",
            about="pages",
            since=fall.since,
            figure=1 - fall.hits / fall.trials,
        )


@dataclass(frozen=True, slots=True)
class _OtherLength:
    """A change in the length of texts.

    - `characters`: the median length in the latest runs, which began at `latest`.
    - `usual`: the median length in earlier runs.
    - `since`: when the lengths began to differ.
    """

    characters: float
    usual: float
    latest: datetime
    since: datetime

    def __str__(self) -> str:
        more = "more" if self.characters > self.usual else "fewer"
        return f"{self.characters:,.0f} characters (median), {more} than the {self.usual:,.0f} before"


def _find_other_length(runs: Sequence[JudgedRun]) -> _OtherLength | None:
    """Returns the change in length if the latest texts are much shorter or longer than earlier ones; otherwise None.
    Causes of such a change are a paywall or a changed template.
    """
    history = _median_lengths(runs)
    if len(history) <= _LEAST_PAST_RUNS:
        return None
    lengths = [length for _, length in history]
    current, past = lengths[0], lengths[1:]
    if not is_far(current, past, 2.0):
        return None
    since = list(takewhile(lambda one: is_far(one[1], past, 2.0), history))[-1][0]
    return _OtherLength(current, median(past), history[0][0], since)


def _median_lengths(runs: Sequence[JudgedRun]) -> list[tuple[datetime, float]]:
    """Returns the median text length of each group of runs, with the start time of the group's first run; the newest
    group comes first. Consecutive runs are grouped until they have read three articles together, because one run may
    read only one.
    """
    out: list[tuple[datetime, float]] = []
    group: list[JudgedRun] = []
    for run in reversed(runs):
        if run.measured.length and run.measured.articles:
            group.append(run)
            if sum(one.measured.articles for one in group) > 2:
                out.append((group[0].started, median(one.measured.length or 0.0 for one in group)))
                group = []
    return out[::-1]


_AT_LEAST = 3  # at least this many pages are reported; fewer may be chance


def _check_failures(known: HealthInputs, runs: Sequence[JudgedRun], now: datetime) -> Iterator[HealthFinding]:
    """Yields a finding if more pages than usual end without a stored article. Runs that fetched no post are ignored."""
    judged = [run for run in runs if run.measured.settled > run.measured.outcomes.get("not-article", 0)]
    if not judged or runs[0].outcome == "failed":
        return
    last, past = judged[0].measured, judged[1:]
    total, before = last.settled, sum(run.measured.settled for run in past)
    if before < _PAGES:
        return
    for outcome, (verb, advice) in OUTCOME_ADVICE.items():
        hits, earlier = last.outcomes.get(outcome, 0), sum(run.measured.outcomes.get(outcome, 0) for run in past)

        def more(run: JudgedRun, outcome: str = outcome, earlier: int = earlier) -> bool:
            count, pages = run.measured.outcomes.get(outcome, 0), run.measured.settled
            return (
                pages > 0
                and count / pages >= 0.1 + earlier / before
                and (chance_of_so_many(count, pages, earlier, before) <= SURPRISE)
            )

        goes_on = outcome == "failed" and len(past) > 0 and more(past[0])
        again = (
            last.outcomes.get("failed again", 0) if goes_on else 0
        )  # they failed first in an earlier run, and still do
        hits, pages = hits + again, total + again
        if hits < _AT_LEAST or not (hits / pages >= 0.1 + earlier / before if goes_on else more(judged[0])):
            continue
        if outcome == "gone" and 2 * len(known.deletions.urls) >= hits:
            continue  # `_check_deletions` reports it
        bad = sorted(((n, status) for status, n in last.statuses.items() if status >= "400"), reverse=True)[:3]
        statuses = ", ".join(f"{status} {n:,} times" for n, status in bad)
        how = f" (status {statuses})" if statuses and outcome in ("failed", "refused") else ""
        yield HealthFinding(
            "statuses",
            "amber",
            f"{hits:,} of {pages:,} addresses {verb} in {_moment(judged[0].started)}"
            f"{how}, previously {earlier / before:.0%}: {advice.format(site=known.site)}",
            about=outcome,
            since=_start_of_series(past if goes_on else judged, more),
            figure=hits / pages,
        )


def _check_slow(known: HealthInputs, runs: Sequence[JudgedRun], now: datetime) -> Iterator[HealthFinding]:
    timed = [run for run in runs if run.measured.latency]
    if len(timed) <= _LEAST_PAST_RUNS:
        return
    latest, past = timed[0].measured.latency or 0.0, [run.measured.latency or 0.0 for run in timed[1:]]

    def slower(run: JudgedRun) -> bool:
        seconds = run.measured.latency or 0.0
        return seconds > median(past) + 1 and is_far(seconds, past, 3.0)

    if slower(timed[0]):
        yield HealthFinding(
            "slow",
            "amber",
            f"Its responses take {latest:.1f} s (median), previously {median(past):.1f} s: the crawl slows down "
            "automatically; if that lasts, set a longer delay or ask its owner.",
            since=_start_of_series(timed, slower),
            figure=latest,
        )


def _check_sources(known: HealthInputs, runs: Sequence[JudgedRun], now: datetime) -> Iterator[HealthFinding]:
    if runs[0].outcome == "failed":
        return
    if len(known.dead) > 1 and not known.alive and not runs[0].measured.articles:
        which = "; ".join(f"its {source.kind}{_at(source)}: {source.why}" for source in known.dead)
        yield HealthFinding(
            "source",
            "red",
            f"None of its feeds, sitemaps or APIs lists posts any more ({which}): check on its home page whether it "
            "has moved, was sold, or blocks this program with a login or consent page; stored posts are kept.",
            about="all",
            since=max(source.since for source in known.dead),
        )
        return
    for source in known.dead:
        yield HealthFinding(
            "source",
            "amber",
            f"Its {source.kind}{_at(source)} lists no posts of the site any more ({source.why}), and it has no other "
            f"working {source.kind}: new posts are found only by other sources. Look for a new address on its home "
            "page, and run 'archiver crawl' with it.",
            about=source.kind,
            since=source.since,
        )


def _at(source: SilentSource) -> str:
    return f" {source.url}" if source.url else ""


def _check_robots(known: HealthInputs, runs: Sequence[JudgedRun], now: datetime) -> Iterator[HealthFinding]:
    if known.closed:
        yield HealthFinding(
            "robots",
            "red",
            f"Its robots.txt now forbids its home page ({known.closed}), so nothing new is found: ask its owner for "
            f"permission, or stop crawling it with 'archiver sites set {known.site} crawl=no'.",
            about="home",
        )
    elif known.forbids:
        pages = f"{known.forbids:,} pages" if known.forbids > 1 else "a page"
        yield HealthFinding(
            "robots",
            "amber",
            f"Its robots.txt now forbids {pages} that the archive holds as posts, for example {known.forbidden}: they "
            "are kept but not fetched again; 'archiver why' names the rule, and its owner can give permission.",
            about="posts",
            figure=known.forbids,
        )


# The content of the archive: values that cannot be right, whatever the site's history is.

_SEVERAL = 5
"""Fewer articles than this may have the same value by chance."""
_SHARED_VALUE_LIMITS = {"title": 0.2, "body": 0.05}
_SHARED_VALUE_LIMIT = 0.5
"""If at least this share of the articles have the same value for a field, the value belongs to the site and not to the
articles. `_SHARED_VALUE_LIMITS` lists the fields with another limit.
"""
_SMALL = 0.02
_MIXED = 0.2
_DATELESS = 0.1
_CONTENT_LEVELS: dict[str, Level] = {"title": "red", "body": "red"}
CONTENT_CODES = frozenset(
    {
        "clock",
        "no-posts",
        "javascript",
        "hidden-pages",
        "deletions",
        "redirected",
        "entries",
        "untaken",
        "undated",
        "unlisted",
        "held",
        "constant",
        "empty-body",
        "no-date",
        "mixed-body",
        "page-object",
    }
)
"""Codes of findings about the stored content. If one of these findings is red, `archiver crawl` exits with code 1."""


def _check_content(known: HealthInputs, runs: Sequence[JudgedRun], now: datetime) -> Iterator[HealthFinding]:
    """Yields findings about pages that are empty without JavaScript, articles without text, and values that many
    articles share.
    """
    content = known.content
    if finding := _judge_script_pages(content):
        yield finding
    if content.hidden:
        yield _judge_hidden_pages(content)
    if finding := _judge_untaken(content, known.site):
        yield finding
    if finding := _judge_undated(content, known.site):
        yield finding
    if finding := _judge_unlisted(content):
        yield finding
    if content.held:
        yield _judge_held(content, known.site, runs[0].measured.outcomes)
    yield from _judge_missing_fields(content, known.site)
    if finding := _judge_mixed(content, known.site):
        yield finding
    for use in content.failed:
        yield _judge_page_object(use, known.site)
    for one in content.repeated:
        if (
            one.articles >= _SEVERAL
            and one.articles >= _SHARED_VALUE_LIMITS.get(one.field, _SHARED_VALUE_LIMIT) * content.articles
        ):
            yield _repeated_value(one, content.articles, known.site)


def _judge_missing_fields(content: SiteContent, site: str) -> Iterator[HealthFinding]:
    """Yields a finding if many articles have neither text nor a picture, and one if many have no date."""
    if content.empty >= _AT_LEAST and content.empty > _SHARED_VALUE_LIMITS["body"] * content.articles:
        yield HealthFinding(
            "empty-body",
            "red" if 2 * content.empty > content.articles else "amber",
            f"{content.empty:,} of {content.articles:,} articles have neither text nor a picture, for example "
            f"{content.empty_example}: 'archiver show URL --evidence' shows what was read; if the page has text, "
            f"'archiver sites rules {site} --set' takes a rule that says where it is.",
            figure=content.empty / content.articles,
        )
    if content.dateless >= _SEVERAL and content.dateless >= _DATELESS * content.articles:
        yield HealthFinding(
            "no-date",
            "amber" if content.dateless < content.articles else "green",  # a site may show no dates at all
            f"{content.dateless:,} of {content.articles:,} articles have no date of publication, for example "
            f"{content.dateless_example}: 'archiver show URL --evidence' shows what was read; if the page shows one, "
            f"'archiver sites rules {site} --set' takes a rule that says where it is.",
            figure=content.dateless / content.articles,
        )


def _judge_mixed(content: SiteContent, site: str) -> HealthFinding | None:
    """Returns a finding if the texts of a fifth of the articles, and at least five, contain the titles or teasers of
    other articles; otherwise None.
    """
    if content.mixed < max(_SEVERAL, _MIXED * content.compared):
        return None
    return HealthFinding(
        "mixed-body",
        "amber",
        f"{content.mixed:,} of the newest {content.compared:,} articles contain titles or teasers of others, for "
        f"example {content.mixed_example}: probably the page's list of other posts was read as text. "
        f"'archiver sites rules {site} --set' takes a rule that says where the text is or what to drop from it, and "
        f"'archiver reextract {site}' applies it to the stored captures.",
        figure=content.mixed / content.compared,
    )


def _judge_page_object(use: PageObjectUse, site: str) -> HealthFinding:
    """Returns the finding about a page object that failed for a field, or that is no longer used for articles whose
    field it used to read. The finding is red if articles keep values that the page object returned earlier.
    """
    articles = count_noun(use.failed, "article")
    if use.is_missing:
        sentence = (
            f"The page object {use.page_object} ({use.file}) no longer reads {articles}, for example {use.example}. "
            f"They keep the values of {use.field} that it returned. Check page_objects in archiver.toml and the "
            f"addresses in handle_urls, then 'archiver reextract {site}' reads them again; if the page object was "
            "removed on purpose, add --forget-page-objects."
        )
    else:
        kept = "the value that it returned before" if use.kept else "what was extracted without it"
        whose = "These articles" if use.kept in (0, use.failed) else f"{use.kept:,} of these articles"
        sentence = (
            f"The page object {use.page_object} failed for {use.field} on {articles}, for example {use.example} "
            f"({use.error}). {whose} keep {kept}. Correct the file, then 'archiver reextract {site}' reads them again."
        )
    return HealthFinding(
        "page-object",
        "red" if use.kept else "amber",
        sentence,
        about=f"{use.page_object}.{use.field}",
        figure=use.failed,
    )


def _check_no_posts(known: HealthInputs, runs: Sequence[JudgedRun], now: datetime) -> Iterator[HealthFinding]:
    """Yields a finding if the site has no articles, although its crawls ended normally: nothing that was read led to a
    post.
    """
    content = known.content
    is_complete = runs[0].outcome == "finished" and not runs[0].reason
    if not is_complete or known.closed or content.articles or known.days or content.script_pages:
        return
    if any(run.measured.articles or run.measured.posts for run in runs):
        return
    gone = runs[0].measured.outcomes.get("gone", 0)
    dead = f"the server has no page at {count_noun(gone, 'address', 'addresses')} that feeds, sitemaps or links give"
    led = f"{dead}, and no other one led to a post" if gone else "no feed, sitemap, API or link led to a post"
    outside = (
        f" {count_noun(content.outside, 'link')} of its lists lead out of the folder that is crawled, for example "
        f"{content.outside_example}: if these are the posts, crawl an address above both."
        if content.outside
        else ""
    )
    yield HealthFinding(
        "no-posts",
        "red",
        f"No post was found: {count_noun(content.pages, 'page')} {'was' if content.pages == 1 else 'were'} read, and "
        f"{led}.{outside} If the site has posts, crawl the address of a page or feed that "
        f"lists them; 'archiver status {known.site}' and "
        "'archiver why URL' show what was read and how it was judged. If pages that were read are posts, "
        f"'archiver sites rules {known.site} --set FILE' takes a rule 'post' that says what marks a post, and "
        f"'archiver reextract {known.site} --pages' then judges them again.",
    )


def _level_of_pages(pages: int, content: SiteContent) -> Level:
    """Returns the level of a finding about this many pages: red if there are more of them than articles; amber if they
    are at least five, and at least 2% of the site's pages; otherwise green.
    """
    if pages > content.articles:
        return "red"
    return "amber" if pages >= max(_SEVERAL, _SMALL * content.pages) else "green"


_UNSTORED, _UNSTORED_MANY = 0.02, 0.2


def _check_entries(known: HealthInputs, runs: Sequence[JudgedRun], now: datetime) -> Iterator[HealthFinding]:
    """Yields a finding if entries that the site shows as posts are not stored: amber from two percent of them or more
    than five, red from a fifth. It does not matter how the pages were judged.
    """
    found = known.entries
    if not found.unstored or found.unstored <= min(_SEVERAL, _UNSTORED * found.shown):
        return
    judged = f" (most are judged {found.rule!r})" if found.rule else ""
    sources = " and ".join([", ".join(found.sources[:-1]), found.sources[-1]][not found.sources[1:] :])
    yield HealthFinding(
        "entries",
        "red" if found.unstored >= _UNSTORED_MANY * found.shown else "amber",
        f"{found.unstored:,} of the {found.shown:,} entries that {sources} show as posts are not stored{judged}, for "
        f"example {found.example}: 'archiver why URL' shows how it was judged. If they are posts, "
        f"'archiver sites rules {known.site} --set FILE' takes a rule 'post' that says what marks a post, and "
        f"'archiver reextract {known.site} --pages' judges the stored pages again.",
        figure=found.unstored / found.shown,
    )


def _judge_untaken(content: SiteContent, site: str) -> HealthFinding | None:
    """Returns a finding if pages that look like posts were not stored: red if these are more than the articles, amber
    if they are at least 2% as many. Even one page counts, since it may be a post that is lost.
    """
    if not content.untaken or content.untaken < _SMALL * content.articles:
        return None
    pages = count_noun(content.untaken, "page looks like a post but was", "pages look like posts but were")
    return HealthFinding(
        "untaken",
        "red" if content.untaken > content.articles else "amber",
        f"{pages} not stored (rule {content.untaken_rule!r}), for example {content.untaken_example}: "
        f"'archiver why URL' shows what was read, 'archiver reextract {site} --pages' judges them again, and "
        f"'archiver sites rules {site} --set FILE' takes a rule 'post' that says what marks a post.",
        figure=content.untaken,
    )


def _judge_undated(content: SiteContent, site: str) -> HealthFinding | None:
    """Returns a finding if the site's listings show more entries without a date than the site has articles, because
    posts without dates are not recognized as posts; otherwise None.
    """
    if content.undated < _SEVERAL or content.undated <= content.articles:
        return None
    return HealthFinding(
        "undated",
        "amber",
        f"{content.undated:,} pages that its lists show as entries have no date or other mark of a post, so they were "
        f"not stored, for example {content.undated_example}: if they are posts, 'archiver sites rules {site} --set' "
        "takes a rule that says where their date is; or crawl the address of a feed that lists them.",
        figure=content.undated,
    )


def _judge_script_pages(content: SiteContent) -> HealthFinding | None:
    empty, level = content.script_pages, _level_of_pages(content.script_pages, content)
    if level == "green":
        return None
    return HealthFinding(
        "javascript",
        level,
        f"{empty:,} of {content.pages:,} pages have no text without JavaScript, for example {content.script_example}: "
        "archiver runs no scripts. Look for a feed with full texts or an API that the site does not declare, and crawl "
        'its address; see docs/crawl.md, "Pages that need JavaScript".',
        figure=empty,
    )


def _judge_hidden_pages(content: SiteContent) -> HealthFinding:
    lists = "A list continues" if content.hidden == 1 else f"{content.hidden:,} lists continue"
    where = f"{lists} on pages that only a script or a form requests, for example {content.hidden_example}"
    if content.is_start_blank:
        where = f"The start page {content.hidden_example} shows no posts without JavaScript"
    return HealthFinding(
        "hidden-pages",
        "amber",
        f"{where}: archiver runs "
        "no scripts and sends no forms, so older posts may be missing. Look for a sitemap, archive, feed or API that "
        "lists them, and crawl its address.",
        figure=content.hidden,
    )


def _judge_unlisted(content: SiteContent) -> HealthFinding | None:
    if not content.unlisted:
        return None
    which = "A post is" if content.unlisted == 1 else f"{content.unlisted:,} posts are"
    return HealthFinding(
        "unlisted",
        "amber",
        f"{which} no longer listed, for example {content.unlisted_example}, and may be gone: the site sends the same "
        "page for every address, so archiver cannot know. Open it in a browser; the archive keeps it either way.",
        figure=content.unlisted,
    )


_FETCHED_POSTS = ("archived", "unchanged", "gone", "held")
_SHOWN = 60
_MANY_HELD = 0.2
"""If at least this share of articles is held, the site itself is considered at fault."""


def _judge_held(content: SiteContent, site: str, outcomes: Mapping[str, int]) -> HealthFinding:
    """Returns the finding about held pages. `outcomes`: how many pages of the last run had each outcome. The finding is
    red if the site itself seems to be at fault, which is the case in any of these situations:

    - All pages of a run were held.
    - At least a fifth of the articles are held.
    - At least half of the posts that the last run fetched were held.
    """
    rules = Counter(one.rule for one in content.held)
    shown = "; ".join(f"{number:,}: {REASONS[HoldRule(rule)]}" for rule, number in rules.most_common())
    held, fetched = outcomes.get("held", 0), sum(outcomes.get(one, 0) for one in _FETCHED_POSTS)
    is_mass = (
        not MASS_RULES.isdisjoint(map(HoldRule, rules))
        or len(content.held) >= max(_SEVERAL, _MANY_HELD * content.articles)
        or held >= max(_AT_LEAST, fetched / 2)
    )
    is_one, gained = len(content.held) == 1, Counter(one.gained for one in content.held if one.gained)
    alike = "".join(
        f" {number:,} of them gained the same, {gain.partition(': ')[2][:_SHOWN]!r} ({gain.partition(':')[0]}), which "
        "no repetition confirms."
        for gain, number in gained.most_common(1)
    )
    pages, none = ("A page is", "it was not") if is_one else (f"{len(content.held):,} pages are", "none of them was")
    return HealthFinding(
        "held",
        "red" if is_mass else "amber",
        f"{pages} held since {content.held[0].since[:10]}, and {none} replaced ({shown}).{alike} Look "
        f"at {content.held[0].url}. The next crawls look again; 'archiver sites release {site} --accept' stores what "
        f"{'the page shows' if is_one else 'the pages show'} now.",
        figure=len(content.held),
    )


def _repeated_value(one: RepeatedValue, articles: int, site: str) -> HealthFinding:
    shown = one.value if len(one.value) <= 60 else f"{one.value[:59]}…"
    name = _NAMES.get(one.field, one.field)
    return HealthFinding(
        "constant",
        _CONTENT_LEVELS.get(one.field, "amber"),
        f"{one.articles:,} of {articles:,} articles have the same {name}, {shown!r}, for example {one.example}. It "
        f"probably belongs to the site, not to the articles. 'archiver sites rules {site} --set' takes a rule that "
        f"says where the {name} is, and 'archiver reextract {site}' applies it to the stored captures.",
        about=one.field,
        figure=one.articles / articles,
    )


Check = Callable[[HealthInputs, Sequence[JudgedRun], datetime], Iterator[HealthFinding]]
CHECKS: tuple[Check, ...] = (
    _check_last_runs,
    _check_robots,
    _check_sources,
    _check_quiet,
    _check_burst,
    _check_deletions,
    _check_entries,
    _check_accepted,
    _check_no_posts,
    _check_content,
)
STATISTICS_CHECKS: tuple[Check, ...] = (_check_posts, _check_template, _check_failures, _check_slow)
"""Checks that compare the statistics of runs."""


def _start_of_series(runs: Sequence[JudgedRun], is_affected: Callable[[JudgedRun], bool]) -> datetime:
    """Returns when the oldest run of the latest series of affected runs started. `runs` are newest first, and the
    newest run must be affected.
    """
    return list(takewhile(is_affected, runs))[-1].started


def _day(at: datetime) -> str:
    return f"{at:%Y-%m-%d}"


def _moment(at: datetime) -> str:
    return f"the run of {at:%Y-%m-%d %H:%M} UTC"


def _long(span: timedelta) -> str:
    return f"{span.days:,} days" if span >= timedelta(days=2) else format_period(span)


_LEAST_SITES = 3
_WINDOW = 10
"""An outage is over as soon as fewer than half of this many consecutive runs fail."""
_LONGEST_SERIES = timedelta(days=30)
_CAUSES = {
    **dict.fromkeys(("no-host", "no-connection", "timeout", "broken-connection", "truncated"), "network"),
    **dict.fromkeys(("TunnelError", "http-407", "http-502", "http-504"), "proxy"),
}
"""Maps the rule of a failed run to the cause of the failure. The cause for any other rule is the rule itself."""
_WORDS = {
    "network": ("unreachable", "is it this machine's network or DNS?"),
    "proxy": ("not reached through the proxy", "does the proxy work?"),
    "tls": ("without a valid certificate", "are this machine's clock and certificates right?"),
    "http-403": ("refusing this program", "is this machine's address blocked?"),
}
_OTHER = ("failing ({cause})", "do they share a server, or does something between this machine and them fail?")
FOLDED_CODES = frozenset({"failed", "waiting", "interrupted"})
"""Codes of the findings about a site that are not reported separately if a common cause explains them."""


@dataclass(frozen=True, slots=True)
class CommonCause:
    """A failure that many sites share.

    - `cause`: the kind of failure, such as "network", or the rule of the failure.
    - `sites`: the names of the sites that have not been crawled successfully since.
    - `failed`, `ran`: how many sites failed for this cause, and how many sites were crawled.
    - `since`, `until`: when the failure began and when it ended (None while it lasts).
    """

    cause: str
    sites: tuple[str, ...]
    failed: int
    ran: int
    since: datetime
    until: datetime | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "cause": self.cause,
            "sites": list(self.sites),
            "failed": self.failed,
            "ran": self.ran,
            "since": self.since.isoformat(timespec="seconds"),
            "until": self.until.isoformat(timespec="seconds") if self.until else None,
        }


def read_common_causes(db: Database, now: datetime) -> list[CommonCause]:
    """Returns the failures that many sites share now, and past ones from which some sites have not recovered."""

    def runs(run_id: int, backwards: bool) -> Iterable[EndedRun]:
        return ended_runs(db, run_id, backwards=backwards)

    return find_common_causes(failed_series(db), runs, now)


def find_common_causes(
    failing: Sequence[FailedSeries], runs: Callable[[int, bool], Iterable[EndedRun]], now: datetime
) -> list[CommonCause]:
    """Returns the common causes of failures. A cause is common if at least three sites failed for it, and at least half
    of the sites that ran in the same time.

    - `failing`: for each site whose last run failed, its latest series of consecutive failed runs; sorted by the start
      of the series.
    - `runs(run_id, backwards)`: yields the ended runs of all sites, starting with run `run_id`: later runs, or earlier
      ones if `backwards`.
    """
    causes: list[CommonCause] = []
    by_cause: dict[str, list[FailedSeries]] = {}
    for one in failing:
        if now - one.first.started <= _LONGEST_SERIES:
            by_cause.setdefault(cause_of(one.last.fault), []).append(one)
    for cause, series in by_cause.items():
        covered = 0
        for one in series:
            if one.first.id <= covered:
                continue
            already_failing = {other.last.site for other in series if other.first.id < one.first.id}
            begin = _follow_outage(cause, runs(one.first.id, True), already_failing).last or one.first
            outage = _follow_outage(cause, runs(begin.id, False), already_failing)
            covered = max(one.first.id, outage.last.id if outage.last else 0)
            folded = tuple(
                other.last.site for other in series if begin.id <= other.first.id and other.last.id <= covered
            )
            if outage.is_common and folded:
                causes.append(CommonCause(cause, folded, outage.failed, outage.ran, begin.started, outage.over_at))
    return causes


def cause_of(rule: str) -> str:
    """Returns the cause of a failed run by its rule: "network" for the rule "timeout", for example. For a rule without
    an entry in `_CAUSES`, returns the rule itself.
    """
    return _CAUSES.get(rule, rule)


@dataclass(slots=True)
class _Outage:
    """The runs of an outage.

    - `failed`, `ran`: how many sites failed, and how many ran, up to the last failed run.
    - `last`: the last run that failed.
    - `over_at`: when most runs succeeded again.
    """

    failed: int = 0
    ran: int = 0
    last: EndedRun | None = None
    over_at: datetime | None = None

    @property
    def is_common(self) -> bool:
        return self.failed >= _LEAST_SITES and 2 * self.failed >= self.ran


def _follow_outage(cause: str, runs: Iterable[EndedRun], already_failing: Collection[str]) -> _Outage:
    """Follows the runs of an outage until most of them succeed, and returns what it found. `cause` is the kind of
    failure, such as "network". `runs` begin with a run of the outage; they are later runs to find its end, or earlier
    runs to find its beginning. Runs of sites in `already_failing` are ignored.
    """
    outage = _Outage()
    failed: set[str] = set()
    ran: set[str] = set()
    latest: deque[bool] = deque(maxlen=_WINDOW)
    for run in runs:
        if run.site in already_failing:
            continue
        fails = cause_of(run.fault) == cause
        latest.append(fails)
        ran.add(run.site)
        window = list(latest)[-min(_WINDOW, len(ran)) :]
        if 2 * sum(window) < len(window):
            outage.over_at = run.started
            break
        if fails:
            failed.add(run.site)
            outage.last = run
            outage.failed, outage.ran = len(failed), len(ran)
    return outage


def judge_common_causes(causes: Iterable[CommonCause]) -> Iterator[HealthFinding]:
    """Yields a finding for each common cause: a red one while the failure lasts, and after that a green one about the
    sites that have not been crawled since.
    """
    for one in causes:
        what, question = _WORDS.get(one.cause, _OTHER)
        what = what.format(cause=one.cause)
        whole = "All " if one.failed == one.ran else ""
        sites = f"{whole}{one.failed:,} of {one.ran:,} sites"
        began = f"{one.since:%Y-%m-%d %H:%M} UTC"
        if one.until is None:
            yield HealthFinding(
                "common-cause",
                "red",
                f"{sites} have been {what} since {began}: {question} The next crawls try again; "
                f"'archiver status {one.sites[0]}' shows how one of them responds.",
                one.cause,
                one.since,
            )
        else:
            yield HealthFinding(
                "common-cause",
                "green",
                f"{sites} were {what} from {began} to {one.until:%Y-%m-%d %H:%M} UTC; {len(one.sites):,} of them have "
                "not been crawled since.",
                one.cause,
                one.since,
            )
