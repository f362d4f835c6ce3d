"""Which notifications are sent and when: after several runs, what comes and goes once; laws."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.health.health_rules import LEVELS, HealthFinding, Level
from archiver.health.notification import Fault, HealthChange, Look, SeenFinding, hours_as_runs, observe

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
States = dict[str, Level]
"""By finding its level; a finding that is not in it is not there."""


@dataclass
class Site:
    """A site whose runs show findings, and what is sent of it."""

    level: Level = "green"
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
        return self.look(look)

    def look(self, look: Look) -> list[HealthChange]:
        self.faults, changes = observe(self.faults, look, self.level)
        self.sent += changes
        return changes

    def run_each(self, *found: States) -> list[list[str]]:
        return [[one.event for one in self.run(states)] for states in found]


UP: States = {}
DOWN: States = {"failed": "amber"}
RED: States = {"failed": "red"}


def events(*found: States, level: Level = "green") -> list[str]:
    """Returns per run what is sent, as a word."""
    return [" ".join(sent) for sent in Site(level).run_each(*found)]


def test_a_finding_that_is_over_by_the_next_run_is_not_sent() -> None:
    assert events(UP, DOWN, UP, UP, UP) == ["", "", "", "", ""]


def test_a_finding_is_sent_in_its_second_run_and_its_end_too() -> None:
    assert events(DOWN, DOWN, DOWN, UP, UP, UP) == ["", "begins", "", "", "ends", ""]


@pytest.mark.parametrize(("code", "run"), [("slow", 1), ("statuses", 1), ("held", 0), ("damage", 0), ("coverage", 0)])
def test_an_amber_finding_about_a_single_run_waits_for_the_next_one(code: str, run: int) -> None:
    sent = events({code: "amber"}, {code: "amber"}, {code: "amber"})
    assert sent == ["begins" if number == run else "" for number in range(3)]


def test_a_red_finding_is_sent_at_once() -> None:
    assert events(RED, RED, UP, UP) == ["begins", "", "", "ends"]


def test_a_finding_that_becomes_red_is_sent_again() -> None:
    assert events(DOWN, DOWN, RED, DOWN, RED, UP, UP) == ["", "begins", "worse", "", "", "", "ends"]


def test_an_amber_finding_that_comes_and_goes_is_sent_in_its_second_run() -> None:
    assert events(DOWN, UP, DOWN, UP, DOWN, UP, UP) == ["", "", "begins", "", "", "", "ends"]


@pytest.mark.parametrize("level", ["amber", "red"])
def test_six_flaps_are_two_messages(level: Level) -> None:
    found = [UP, *[{"failed": level}, UP] * 6, *[UP] * 8]
    sent = [word for word in events(*found) if word]
    assert sent == ["begins", "ends"]


def test_what_is_absent_from_two_runs_is_over_each_time() -> None:
    found = [*[DOWN, DOWN, UP, UP] * 6, *[UP] * 8]
    sent = [word for word in events(*found) if word]
    assert sent == ["begins", "ends"] * 6


def held(pages: int) -> SeenFinding:
    return SeenFinding(HealthFinding("held", "red", f"{pages} pages are held.", figure=pages))


def look_at_held(site: Site, pages: int) -> list[tuple[str, str]]:
    """Runs once; returns event and sentence of what is sent."""
    site.at += site.period
    site.runs.insert(0, (len(site.runs) + 1, site.at))
    found = (held(pages),) if pages else ()
    return [(one.event, one.sentence) for one in site.look(Look(site.name, site.at, found, tuple(site.runs[:60])))]


def test_a_red_finding_that_comes_back_after_it_was_over_is_sent_again() -> None:
    site = Site()
    sent = [look_at_held(site, pages) for pages in (17, *[0] * 5, 26, 0, 0, 0, 20, *[0] * 5)]
    events_sent = [(number, [event for event, _ in one]) for number, one in enumerate(sent) if one]
    assert events_sent == [
        (0, ["begins"]),
        (2, ["ends"]),
        (6, ["begins"]),
        (8, ["ends"]),
        (10, ["begins"]),
        (12, ["ends"]),
    ]


def test_an_end_says_what_its_beginning_said() -> None:
    site = Site()
    sent = [sentence for pages in (17, 28, 3, 0, 0) for _, sentence in look_at_held(site, pages)]
    assert [one.rpartition(": ")[2] for one in sent] == ["17 pages are held."] * 2


def test_information_is_sent_once_and_again_when_it_is_renewed() -> None:
    site = Site()

    def look(day: int, level: Level, since: int) -> Look:
        at = START + day * DAY
        finding = HealthFinding("deletions", level, "2 posts are gone.", since=START + since * DAY)
        runs = tuple((number, START + number * DAY) for number in range(day, 0, -1))
        return Look(site.name, at, (SeenFinding(finding),), runs)

    sent = []
    for day, level, since in ((1, "green", 1), (2, "green", 1), (3, "green", 3), (4, "amber", 3), (5, "green", 3)):
        sent.append([(one.event, one.before, one.state) for one in site.look(look(day, level, since))])
    noted = [("noted", "green", "green")]
    assert sent == [noted, [], noted, [("begins", "green", "amber")], []]
    assert [one.event for one in site.look(look(6, "green", 3))] == ["ends"]


def test_information_is_not_sent_below_the_least_level() -> None:
    assert events({"deletions": "green"}, level="amber") == [""]


def test_the_least_level() -> None:
    assert events(DOWN, DOWN, RED, DOWN, DOWN, level="red") == ["", "", "begins", "", "ends"]


def test_a_failed_run_does_not_show_that_a_finding_is_over() -> None:
    site = Site()
    site.run_each({"coverage": "red"})
    assert [site.run({}, finished=False) for _ in range(4)] == [[]] * 4
    site.run({"coverage": "red"})
    assert site.run_each(UP, UP) == [[], ["ends"]]


def test_a_finding_that_the_past_runs_had_is_sent_at_once() -> None:
    site = Site()
    site.run_each(UP, UP, UP)
    runs = ((4, site.at + DAY), *site.runs)
    finding = HealthFinding("quiet", "amber", "No new post.", since=site.runs[1][1])
    sent = site.look(Look("one.example", site.at + DAY, (SeenFinding(finding),), runs))
    assert [one.event for one in sent] == ["begins"]


def test_each_new_finding_of_the_archive_itself_is_sent() -> None:
    site = Site(name="", period=12 * HOUR)
    sent = site.run_each(UP, {"backup": "amber"}, {"backup": "amber"}, *[{"backup": "amber", "damage": "amber"}] * 3)
    assert sent == [[], ["begins"], [], ["begins"], [], []]
    assert [(one.before, one.state, one.code) for one in site.sent] == [
        ("green", "amber", "backup"),
        ("amber", "amber", "damage"),
    ]


def test_each_finding_of_a_site_begins_and_ends_by_itself() -> None:
    site = Site()
    sent = site.run_each({"a": "red", "b": "amber"}, {"b": "amber"}, {"b": "amber"}, {"b": "amber"}, UP, UP)
    assert sent == [["begins", "begins"], [], ["ends"], [], [], ["ends"]]
    assert [(one.code, one.event, one.before, one.state) for one in site.sent] == [
        ("a", "begins", "green", "red"),
        ("b", "begins", "green", "red"),
        ("a", "ends", "red", "amber"),
        ("b", "ends", "amber", "green"),
    ]
    both: States = {"posts": "red", "statuses": "amber"}
    assert events(UP, both, both, both, UP, UP) == ["", "begins", "begins", "", "", "ends ends"]


def test_an_accepted_finding_is_sent_again_only_if_it_gets_worse() -> None:
    site = Site()
    site.run_each(DOWN, DOWN)
    assert [site.run(DOWN, accepted=["failed"]) for _ in range(3)] == [[]] * 3
    assert [one.event for one in site.run(RED)] == ["begins"]
    assert site.run_each(UP, UP) == [[], ["ends"]]


def test_the_end_of_an_accepted_finding_is_sent_if_its_beginning_was() -> None:
    site = Site()
    site.run_each(RED)
    site.run(RED, accepted=["failed"])
    assert site.run_each(UP, UP) == [[], ["ends"]]
    other = Site()
    other.run(RED, accepted=["failed"])
    assert other.run_each(UP, UP) == [[], []]


def test_a_clock_that_was_wrong_delays_nothing() -> None:
    site = Site(name="", period=HOUR)
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


# Mutes.


def test_a_muted_site_sends_nothing_and_then_what_still_is_there() -> None:
    site = Site(muted=True)
    assert site.run_each({"a": "red", "b": "red"}, {"a": "red", "b": "red"}, {"a": "red"}, {"a": "red"}) == [[]] * 4
    site.muted = False
    assert [(one.code, one.event) for one in site.run({"a": "red"})] == [("a", "begins")]


def test_the_end_of_a_finding_during_a_mute_is_sent_after_it() -> None:
    site = Site()
    site.run_each(RED)
    site.muted = True
    assert site.run_each(UP, UP, UP) == [[]] * 3
    site.muted = False
    assert [one.event for one in site.run(UP)] == ["ends"]


# Laws over all sequences.

CODES = ("failed", "slow", "held")
states = st.dictionaries(st.sampled_from(CODES), st.sampled_from(["green", "amber", "red"]))
levels = st.sampled_from(["green", "amber", "red"])
steps = st.lists(st.tuples(states, st.booleans(), st.sampled_from([True, True, True, False])), max_size=40)
periods = st.sampled_from([HOUR, 5 * HOUR, DAY])
names = st.sampled_from(["one.example", ""])


def play(level: Level, name: str, period: timedelta, todo: Sequence[tuple[States, bool, bool]]) -> tuple[Site, States]:
    """Plays the runs, then repeats the state of the last one until each delay has passed."""
    site = Site(level, name, period)
    for found, muted, finished in todo:
        site.muted = muted
        site.run(found, finished=finished)
    last = todo[-1][0] if todo else {}
    site.muted = False
    for _ in range(80):
        site.run(last)
    return site, {
        code: found
        for code, found in last.items()
        if LEVELS.index(found) >= max(LEVELS.index("amber"), LEVELS.index(level))
    }


@given(levels, names, periods, steps)
def test_a_fault_has_at_most_one_beginning_one_worsening_and_one_end(
    level: Level, name: str, period: timedelta, todo: list[tuple[States, bool, bool]]
) -> None:
    site, _ = play(level, name, period, todo)
    for code in CODES:
        sent: Level = "green"
        for one in (change for change in site.sent if change.code == code and change.event != "noted"):
            if one.event == "begins":
                assert sent == "green"
                sent = one.level
            elif one.event == "worse":
                assert (sent, one.level) == ("amber", "red")
                sent = "red"
            else:
                assert (sent != "green", one.event) == (True, "ends")
                sent = "green"


@given(levels, names, periods, steps)
def test_the_last_message_agrees_with_the_state_after_the_delays(
    level: Level, name: str, period: timedelta, todo: list[tuple[States, bool, bool]]
) -> None:
    site, last = play(level, name, period, todo)
    for code in CODES:
        mine = [one for one in site.sent if one.code == code and one.event != "noted"]
        was_sent = bool(mine) and mine[-1].event != "ends"
        assert was_sent == (code in last)
    state = site.sent[-1].state if site.sent else "green"
    worst = max(last.values(), key=LEVELS.index, default="green")
    assert (state == "green") == (worst == "green")
    assert LEVELS.index(state) >= LEVELS.index(worst)
    for one, after in pairwise(site.sent):
        assert after.before == one.state or (after.before, after.state) == (one.before, one.state)


@given(st.lists(st.sampled_from(["amber", "red"]), max_size=30))
def test_a_finding_that_comes_and_goes_is_two_messages_at_most(levels: list[Level]) -> None:
    found: list[States] = [one for level in levels for one in ({"failed": level}, UP)]
    sent = [word for word in events(*found, *[UP] * 20) if word and word != "worse"]
    assert sent in ([], ["begins", "ends"])


@given(st.lists(st.sampled_from([UP, DOWN, RED]), max_size=40))
def test_a_red_finding_is_never_silent(found: list[States]) -> None:
    """Whenever it is red, a message has said so that no end has followed."""
    site, told = Site(), "green"
    for states in found:
        for one in site.run(states):
            told = "green" if one.event == "ends" else one.level
        assert told == "red" or states != RED


@given(levels, names, periods, steps)
def test_nothing_is_sent_of_a_muted_site(
    level: Level, name: str, period: timedelta, todo: list[tuple[States, bool, bool]]
) -> None:
    site = Site(level, name, period)
    for found, muted, finished in todo:
        site.muted = muted
        assert not (site.run(found, finished=finished) and muted)
