"""Which notifications are sent and when: after several runs, flapping findings once, not in quiet hours; laws."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.health.notification_policy import (
    Fault,
    HealthChange,
    Look,
    SeenFinding,
    hours_as_runs,
    is_quiet,
    last_digest,
    next_release,
    observe,
    release,
)
from archiver.health.site_health_rules import LEVELS, HealthFinding, Level
from archiver.sites.archiver_toml import NotificationPolicy

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
DEFAULT = NotificationPolicy()
STARTS = ("begins", "flapping")
States = dict[str, Level]
"""By finding its level; a finding that is not in it is not there."""


@dataclass
class Site:
    """A site whose runs show findings, and what a channel with a policy is sent of it."""

    policy: NotificationPolicy
    name: str = "one.example"
    period: timedelta = DAY
    at: datetime = START
    runs: list[tuple[int, datetime]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    sent: list[HealthChange] = field(default_factory=list)
    muted: bool = False

    def run(self, found: States, *, accepted: Iterable[str] = (), finished: bool = True) -> list[HealthChange]:
        """Runs once, a period after the last run; returns what is sent then."""
        self.at += self.period
        self.runs.insert(0, (len(self.runs) + 1, self.at))
        look = Look(
            self.name,
            self.at,
            tuple(
                SeenFinding(HealthFinding(code, lv, f"It has {code}."), code in accepted) for code, lv in found.items()
            ),
            hours_as_runs(self.at) if not self.name else tuple(self.runs[:60]),
            finished,
            self.muted,
        )
        self.faults = observe(self.faults, look, self.policy)
        return self.send()

    def send(self) -> list[HealthChange]:
        self.faults, changes = release(self.faults, self.policy, self.at, muted=self.muted)
        self.sent += changes
        return changes

    def run_each(self, *found: States) -> list[list[str]]:
        return [[one.event for one in self.run(states)] for states in found]


UP: States = {}
DOWN: States = {"failed": "amber"}
RED: States = {"failed": "red"}


def events(policy: NotificationPolicy, *found: States, name: str = "one.example") -> list[str]:
    """Returns per run what is sent, as a word."""
    return [" ".join(sent) for sent in Site(policy, name).run_each(*found)]


def test_a_finding_that_is_over_by_the_next_run_is_not_sent() -> None:
    assert events(DEFAULT, UP, DOWN, UP, UP, UP) == ["", "", "", "", ""]


def test_a_finding_is_sent_in_its_second_run_and_its_end_too() -> None:
    assert events(DEFAULT, DOWN, DOWN, DOWN, UP, UP, UP) == ["", "begins", "", "", "ends", ""]


@pytest.mark.parametrize(("code", "run"), [("slow", 1), ("statuses", 1), ("held", 0), ("damage", 0), ("coverage", 0)])
def test_an_amber_finding_about_a_single_run_waits_for_the_next_one(code: str, run: int) -> None:
    sent = events(DEFAULT, {code: "amber"}, {code: "amber"}, {code: "amber"})
    assert sent == ["begins" if number == run else "" for number in range(3)]


def test_a_red_finding_is_sent_at_once() -> None:
    assert events(DEFAULT, RED, RED, UP, UP) == ["begins", "", "", "ends"]


def test_a_finding_that_becomes_red_is_sent_again() -> None:
    assert events(DEFAULT, DOWN, DOWN, RED, DOWN, RED, UP, UP) == ["", "begins", "worse", "", "", "", "ends"]


@pytest.mark.parametrize("level", ["amber", "red"])
def test_six_flaps_are_two_messages(level: Level) -> None:
    found = [UP, *[{"failed": level}, UP] * 6, *[UP] * 8]
    sent = [word for word in events(DEFAULT, *found) if word]
    assert sent == ["begins" if level == "red" else "flapping", "ends"]


def test_a_slow_flapping_is_sent_as_flapping_once() -> None:
    found = [*[DOWN, DOWN, UP, UP] * 6, *[UP] * 8]
    sent = [word for word in events(DEFAULT, *found) if word]
    assert sent == ["begins", "ends", "begins", "ends flapping", "ends"]


def held(pages: int) -> SeenFinding:
    return SeenFinding(HealthFinding("held", "red", f"{pages} pages are held.", figure=pages))


def look_at_held(site: Site, pages: int) -> list[tuple[str, str]]:
    """Runs once; returns event and sentence of what is sent."""
    site.at += site.period
    site.runs.insert(0, (len(site.runs) + 1, site.at))
    found = (held(pages),) if pages else ()
    site.faults = observe(site.faults, Look(site.name, site.at, found, tuple(site.runs[:60])), site.policy)
    return [(one.event, one.sentence) for one in site.send()]


def test_a_red_finding_that_comes_back_after_it_was_over_is_sent_with_the_end_before() -> None:
    site = Site(DEFAULT)
    sent = [look_at_held(site, pages) for pages in (17, *[0] * 5, 26, 0, 0, 0, 20, *[0] * 5)]
    events_sent = [(number, [event for event, _ in one]) for number, one in enumerate(sent) if one]
    assert events_sent == [(0, ["begins"]), (2, ["ends"]), (6, ["begins"]), (10, ["ends", "begins"]), (15, ["ends"])]
    assert [sentence.rpartition(": ")[2] for _, sentence in sent[10]] == ["26 pages are held.", "20 pages are held."]


def test_an_end_says_what_its_beginning_said() -> None:
    site = Site(DEFAULT)
    sent = [sentence for pages in (17, 28, 3, 0, 0) for _, sentence in look_at_held(site, pages)]
    assert [one.rpartition(": ")[2] for one in sent] == ["17 pages are held."] * 2


def test_a_red_finding_that_has_grown_by_half_is_sent_again() -> None:
    site = Site(DEFAULT)
    sent = [[event for event, _ in look_at_held(site, pages)] for pages in (1, 2, 40, 45, 0, 59, 60)]
    assert sent == [["begins"], [], ["worse"], [], [], [], ["worse"]]


def test_a_fault_that_each_run_finds_in_more_pages_is_sent_once() -> None:
    site = Site(DEFAULT)
    sent = [[event for event, _ in look_at_held(site, pages)] for pages in (5, 16, 30, 40, 41)]
    assert sent == [["begins"], [], [], [], ["worse"]]


def test_a_red_finding_that_often_comes_back_is_sent_as_flapping_and_again_when_it_lasts() -> None:
    found = [*[RED, UP, UP] * 4, RED, RED, RED]
    sent = events(DEFAULT, *found)
    assert [(number, word) for number, word in enumerate(sent) if word] == [
        (0, "begins"),
        (2, "ends"),
        (3, "begins"),
        (6, "ends flapping"),
        (13, "ends begins"),
    ]


def test_what_comes_back_in_quiet_hours_is_sent_after_them() -> None:
    site = night(NotificationPolicy(quiet_hours=(time(22), time(7)), timezone="Europe/Berlin", flapping=0))
    site.at = datetime(2026, 1, 5, 19, tzinfo=UTC)
    site.run_each(RED, UP, UP, RED, RED, *[UP] * 6)
    assert [one.event for one in site.sent] == ["begins", "ends", "passed"]


def test_a_flapping_finding_that_stays_is_not_sent_again() -> None:
    assert [word for word in events(DEFAULT, *[DOWN, UP] * 3, *[DOWN] * 9, UP, UP) if word] == ["flapping", "ends"]


def test_after_how_many_runs_can_be_set_for_all_findings() -> None:
    assert events(NotificationPolicy(after_amber=3), *[{"held": "amber"}] * 4) == ["", "", "begins", ""]
    assert events(NotificationPolicy(after_red=2), RED, RED) == ["", "begins"]
    assert events(NotificationPolicy(after_amber=1), DOWN, UP) == ["begins", "ends"]


def test_damping_can_be_turned_off() -> None:
    policy = NotificationPolicy(after_amber=1, flapping=0)
    assert events(policy, *[DOWN, UP] * 4) == ["begins", "ends"] * 4


def test_information_is_sent_once_and_again_when_it_is_renewed() -> None:
    site = Site(DEFAULT)

    def look(day: int, level: Level, since: int) -> Look:
        at = START + day * DAY
        finding = HealthFinding("deletions", level, "2 posts are gone.", since=START + since * DAY)
        runs = tuple((number, START + number * DAY) for number in range(day, 0, -1))
        return Look(site.name, at, (SeenFinding(finding),), runs)

    sent = []
    for day, level, since in ((1, "green", 1), (2, "green", 1), (3, "green", 3), (4, "amber", 3), (5, "green", 3)):
        site.faults = observe(site.faults, look(day, level, since), DEFAULT)
        sent.append([(one.event, one.before, one.state) for one in site.send()])
    noted = [("noted", "green", "green")]
    assert sent == [noted, [], noted, [("begins", "green", "amber")], []]
    site.faults = observe(site.faults, look(6, "green", 3), DEFAULT)
    assert [one.event for one in site.send()] == ["ends"]


def test_information_is_not_sent_below_the_least_level() -> None:
    assert events(NotificationPolicy(level="amber"), {"deletions": "green"}) == [""]


def test_the_least_level() -> None:
    policy = NotificationPolicy(level="red", after_amber=1)
    assert events(policy, DOWN, DOWN, RED, DOWN, DOWN) == ["", "", "begins", "ends", ""]
    assert events(NotificationPolicy(level="none"), RED, RED, UP, UP) == [""] * 4


def test_without_recovery_only_the_beginning_is_sent() -> None:
    policy = NotificationPolicy(recovery=False)
    assert [word for word in events(policy, RED, UP, UP, *[UP] * 12, RED, UP, UP) if word] == ["begins", "begins"]


def test_a_failed_run_does_not_show_that_a_finding_is_over() -> None:
    site = Site(DEFAULT)
    site.run_each({"coverage": "red"})
    assert [site.run({}, finished=False) for _ in range(4)] == [[]] * 4
    site.run({"coverage": "red"})
    assert site.run_each(UP, UP) == [[], ["ends"]]


def test_a_finding_that_the_past_runs_had_is_sent_at_once() -> None:
    site = Site(DEFAULT)
    site.run_each(UP, UP, UP)
    runs = ((4, site.at + DAY), *site.runs)
    finding = HealthFinding("quiet", "amber", "No new post.", since=site.runs[1][1])
    faults = observe([], Look("one.example", site.at + DAY, (SeenFinding(finding),), runs), DEFAULT)
    assert [one.pending for one in faults] == ["begins"]


def test_each_new_finding_of_the_archive_itself_is_sent() -> None:
    site = Site(DEFAULT, "", period=12 * HOUR)
    sent = site.run_each(UP, {"backup": "amber"}, {"backup": "amber"}, *[{"backup": "amber", "damage": "amber"}] * 3)
    assert sent == [[], ["begins"], [], ["begins"], [], []]
    assert [(one.before, one.state, one.code) for one in site.sent] == [
        ("green", "amber", "backup"),
        ("amber", "amber", "damage"),
    ]


def test_a_finding_that_is_about_something_else_since_the_same_time_goes_on() -> None:
    begun = START + DAY
    runs = tuple((number, START + number * DAY) for number in (4, 3, 2, 1))

    def look(number: int, about: str, level: Level, since: datetime) -> Look:
        finding = HealthFinding("coverage", level, f"It lacks {about}.", about, since)
        return Look("one.example", START + number * DAY, (SeenFinding(finding),), runs[-number:])

    sent = []
    faults: list[Fault] = []
    for number, about, level in ((1, "authors", "amber"), (2, "tags", "amber"), (3, "date", "red")):
        faults, changes = release(observe(faults, look(number, about, level, begun), DEFAULT), DEFAULT, START)
        sent += [(one.event, one.about) for one in changes]
    assert sent == [("begins", "authors"), ("worse", "date")]
    later = observe(faults, look(4, "body", "red", begun + 3 * DAY), DEFAULT)
    assert [(one.about, one.pending) for one in later] == [("body", "begins"), ("date", None)]


def test_what_was_sent_in_one_message_ends_in_one() -> None:
    many: States = {"coverage": "amber", "length": "amber"}
    site = Site(DEFAULT)
    sent = site.run_each(many, many, {"length": "amber"}, {"length": "amber"}, UP, UP)
    assert sent == [["begins", "begins"], [], [], [], [], ["ends", "ends"]]
    assert site.sent[-1].state == "green"


def test_what_a_site_also_shows_is_sent_with_what_is_due() -> None:
    both: States = {"posts": "red", "statuses": "amber"}
    assert events(DEFAULT, UP, both, both, both, UP, UP) == ["", "begins begins", "", "", "", "ends ends"]
    assert events(DEFAULT, RED, {**RED, "slow": "amber"}, {**RED, "slow": "amber"})[1:] == ["", "begins"]


def test_the_end_of_the_worse_one_does_not_wait() -> None:
    site = Site(DEFAULT)
    sent = site.run_each({"a": "red", "b": "amber"}, {"b": "amber"}, {"b": "amber"}, {"b": "amber"}, UP, UP)
    assert sent == [["begins", "begins"], [], ["ends"], [], [], ["ends"]]
    assert [(one.code, one.event, one.before, one.state) for one in site.sent] == [
        ("a", "begins", "green", "red"),
        ("b", "begins", "green", "red"),
        ("a", "ends", "red", "amber"),
        ("b", "ends", "amber", "green"),
    ]


def test_an_accepted_finding_is_sent_again_only_if_it_gets_worse() -> None:
    site = Site(DEFAULT)
    site.run_each(DOWN, DOWN)
    assert [site.run(DOWN, accepted=["failed"]) for _ in range(3)] == [[]] * 3
    assert [one.event for one in site.run(RED)] == ["begins"]
    assert site.run_each(UP, UP) == [[], ["ends"]]


def test_the_end_of_an_accepted_finding_is_sent_if_its_beginning_was() -> None:
    site = Site(DEFAULT)
    site.run_each(RED)
    site.run(RED, accepted=["failed"])
    assert site.run_each(UP, UP) == [[], ["ends"]]
    other = Site(DEFAULT)
    other.run(RED, accepted=["failed"])
    assert other.run_each(UP, UP) == [[], []]


def test_a_clock_that_was_wrong_delays_nothing() -> None:
    site = Site(NotificationPolicy(digest=time(18)), "", period=HOUR)
    site.at += 20 * DAY
    site.run({"late": "amber"})
    site.at -= 20 * DAY
    site.run_each(*[{"late": "amber"}] * 30)
    assert [one.event for one in site.sent] == ["begins"]
    site.at += 20 * DAY
    site.run(UP)
    site.at -= 20 * DAY
    site.run_each(*[UP] * 30)
    assert [one.event for one in site.sent] == ["begins", "ends"]


# Mutes, quiet hours, digests.


def test_a_muted_site_sends_nothing_and_then_what_still_is_there() -> None:
    site = Site(DEFAULT, muted=True)
    assert site.run_each({"a": "red", "b": "red"}, {"a": "red", "b": "red"}, {"a": "red"}, {"a": "red"}) == [[]] * 4
    site.muted = False
    assert [(one.code, one.event) for one in site.send()] == [("a", "begins")]


def test_the_end_of_a_finding_during_a_mute_is_sent_after_it() -> None:
    site = Site(DEFAULT)
    site.run_each(RED)
    site.muted = True
    assert site.run_each(UP, UP, UP) == [[]] * 3
    site.muted = False
    assert [one.event for one in site.send()] == ["ends"]


BERLIN = NotificationPolicy(quiet_hours=(time(22), time(7)), timezone="Europe/Berlin")


@pytest.mark.parametrize(
    ("at", "quiet"),
    [
        (datetime(2026, 1, 5, 20, 59, tzinfo=UTC), False),
        (datetime(2026, 1, 5, 21, 0, tzinfo=UTC), True),
        (datetime(2026, 1, 6, 5, 59, tzinfo=UTC), True),
        (datetime(2026, 1, 6, 6, 0, tzinfo=UTC), False),
        (datetime(2026, 7, 6, 5, 30, tzinfo=UTC), False),
        (datetime(2026, 7, 5, 20, 30, tzinfo=UTC), True),
    ],
)
def test_quiet_hours_are_in_their_time_zone(at: datetime, quiet: bool) -> None:
    assert is_quiet(BERLIN, at) == quiet


def test_quiet_hours_within_a_day() -> None:
    policy = NotificationPolicy(quiet_hours=(time(12), time(14)))
    hours = [hour for hour in range(24) if is_quiet(policy, datetime(2026, 1, 5, hour, tzinfo=UTC))]
    assert hours == [12, 13]


def night(policy: NotificationPolicy, *found: States) -> Site:
    """A site with hourly runs from 23:00 in Berlin on."""
    site = Site(policy, period=HOUR, at=datetime(2026, 1, 5, 21, tzinfo=UTC))
    site.run_each(*found)
    return site


def test_what_falls_into_quiet_hours_is_sent_after_them() -> None:
    site = night(BERLIN, *[RED] * 9)
    assert [(one.event, one.since.hour) for one in site.sent] == [("begins", 22)]


def test_what_begins_and_ends_in_quiet_hours_is_sent_once() -> None:
    site = night(BERLIN, UP, RED, RED, *[UP] * 6)
    assert [(one.event, one.before, one.state, one.level) for one in site.sent] == [("passed", "green", "green", "red")]
    assert site.at == datetime(2026, 1, 6, 6, tzinfo=UTC)


def test_red_findings_break_through_quiet_hours_if_they_may() -> None:
    policy = NotificationPolicy(quiet_hours=(time(22), time(7)), timezone="Europe/Berlin", red_at_once=True)
    site = night(policy, {"a": "red", "b": "amber"}, {"a": "red", "b": "amber"})
    assert [(one.code, one.event) for one in site.sent] == [("a", "begins")]


def test_a_digest_has_what_was_found_before_its_hour() -> None:
    policy = NotificationPolicy(digest=time(7, 30), after_amber=1)
    site = Site(policy, period=HOUR, at=datetime(2026, 1, 5, 8, tzinfo=UTC))
    sent = site.run_each(DOWN, *[{**DOWN, "slow": "amber"}] * 24)
    assert [len(one) for one in sent] == [*[0] * 23, 2, 0]
    assert site.sent[0].since.hour == 9


def test_the_next_release() -> None:
    now = datetime(2026, 1, 5, 12, tzinfo=UTC)
    assert next_release([DEFAULT], now) is None
    assert next_release([DEFAULT, BERLIN], now) == datetime(2026, 1, 6, 6, tzinfo=UTC)
    assert next_release([BERLIN, NotificationPolicy(digest=time(18))], now) == datetime(2026, 1, 5, 18, tzinfo=UTC)


def test_the_last_digest_is_the_day_before_until_its_hour() -> None:
    policy = NotificationPolicy(digest=time(7, 30), timezone="Europe/Berlin")
    assert last_digest(policy, datetime(2026, 1, 5, 6, 29, tzinfo=UTC)) == datetime(2026, 1, 4, 6, 30, tzinfo=UTC)
    assert last_digest(policy, datetime(2026, 1, 5, 6, 30, tzinfo=UTC)) == datetime(2026, 1, 5, 6, 30, tzinfo=UTC)


# Laws over all sequences.

CODES = ("failed", "slow", "held")
states = st.dictionaries(st.sampled_from(CODES), st.sampled_from(["green", "amber", "red"]))
policies = st.builds(
    NotificationPolicy,
    level=st.sampled_from(["green", "amber", "red"]),
    after_amber=st.none() | st.integers(1, 4),
    after_red=st.none() | st.integers(1, 3),
    flapping=st.sampled_from([0, 2, 3, 5]),
    steady_runs=st.integers(1, 8),
    quiet_hours=st.sampled_from([None, (time(22), time(7)), (time(9), time(17))]),
    digest=st.sampled_from([None, time(7, 30), time(23)]),
    red_at_once=st.booleans(),
    timezone=st.sampled_from(["UTC", "Asia/Kolkata"]),
)
steps = st.lists(st.tuples(states, st.booleans(), st.sampled_from([True, True, True, False])), max_size=40)
periods = st.sampled_from([HOUR, 5 * HOUR, DAY])
names = st.sampled_from(["one.example", ""])


def play(
    policy: NotificationPolicy, name: str, period: timedelta, todo: Sequence[tuple[States, bool, bool]]
) -> tuple[Site, States]:
    """Plays the runs, then repeats the state of the last one until each delay of the policy has passed."""
    site = Site(policy, name, period)
    for found, muted, finished in todo:
        site.muted = muted
        site.run(found, finished=finished)
    last = todo[-1][0] if todo else {}
    site.muted = False
    for _ in range(80):
        site.run(last)
    for _ in range(48):
        site.at += HOUR
        site.send()
    return site, {
        code: level
        for code, level in last.items()
        if LEVELS.index(level) >= max(LEVELS.index("amber"), LEVELS.index(policy.level))
    }


@given(policies, names, periods, steps)
def test_a_fault_has_at_most_one_beginning_one_worsening_and_one_end(
    policy: NotificationPolicy, name: str, period: timedelta, todo: list[tuple[States, bool, bool]]
) -> None:
    site, _ = play(policy, name, period, todo)
    for code in CODES:
        sent: Level = "green"
        for one in (change for change in site.sent if change.code == code and change.event != "noted"):
            if one.event in STARTS:
                assert sent == "green"
                sent = one.level
            elif one.event == "worse":
                assert (sent, one.level) == ("amber", "red")
                sent = "red"
            elif one.event == "ends":
                assert sent != "green"
                sent = "green"
            else:
                assert sent == "green"


@given(policies, names, periods, steps)
def test_the_last_message_agrees_with_the_state_after_the_delays(
    policy: NotificationPolicy, name: str, period: timedelta, todo: list[tuple[States, bool, bool]]
) -> None:
    site, last = play(policy, name, period, todo)
    for code in CODES:
        mine = [one for one in site.sent if one.code == code and one.event != "noted"]
        was_sent = bool(mine) and mine[-1].event not in ("ends", "passed")
        assert was_sent == (code in last)
    state = site.sent[-1].state if site.sent else "green"
    worst = max(last.values(), key=LEVELS.index, default="green")
    assert (state == "green") == (worst == "green")
    assert LEVELS.index(state) >= LEVELS.index(worst)
    for one, after in pairwise(site.sent):
        assert after.before == one.state or (after.before, after.state) == (one.before, one.state)


@given(st.lists(st.sampled_from(["amber", "red"]), max_size=30))
def test_a_flapping_finding_is_two_messages_at_most(levels: list[Level]) -> None:
    found: list[States] = [one for level in levels for one in ({"failed": level}, UP)]
    sent = [word for word in events(DEFAULT, *found, *[UP] * 20) if word and word != "worse"]
    assert sent in ([], ["begins", "ends"], ["flapping", "ends"])


@given(st.lists(st.sampled_from([UP, DOWN, RED]), max_size=40))
def test_a_red_finding_that_is_there_for_two_runs_is_never_silent(found: list[States]) -> None:
    """It is sent after it was not there for two runs, if it is red in two runs in a row."""
    sent = Site(DEFAULT).run_each(UP, UP, *found)
    padded = [UP, UP, *found]
    for number in range(2, len(padded) - 1):
        if padded[number - 2 : number] == [UP, UP] and padded[number : number + 2] == [RED, RED]:
            assert {*STARTS} & {*sent[number], *sent[number + 1]}


@given(policies, names, periods, steps)
def test_nothing_is_sent_of_a_muted_site_or_in_quiet_hours(
    policy: NotificationPolicy, name: str, period: timedelta, todo: list[tuple[States, bool, bool]]
) -> None:
    site = Site(policy, name, period)
    for found, muted, finished in todo:
        site.muted = muted
        sent = site.run(found, finished=finished)
        assert not (muted and sent)
        if is_quiet(policy, site.at):
            assert all(policy.red_at_once and one.level == "red" for one in sent)
