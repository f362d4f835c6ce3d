"""Builds a healthy month once, and runs each fault on a copy of it."""

from __future__ import annotations

import shutil
import sqlite3
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

from tests.faults.sound import flaws
from tests.month import archive_faults
from tests.month.archive_faults import ArchiveFault
from tests.month.archives import MESSAGES, Kept, articles, held_pages, messages
from tests.month.blogs import BLOGS, DAYS, time_of
from tests.month.commands import Done, copy_archive, run_at, start_at
from tests.month.site_faults import SiteFault
from tests.month.world import Said, World

Fault = SiteFault | ArchiveFault
CRAWLED = ("a", "b", "c", "d", "e")
ARCHIVE_FAULT_BLOGS = ("d",)
"""The blogs that are crawled while something is wrong with the archive itself."""
FIRST_FAULT_DAY = 11
_BACKUP_EVERY = 5
_REPAIRED_RUNS = 2
_MAY_LACK = ("authors", "published", "categories", "tags")
_SCHEDULE = ("schedule", "--once", "--quiet", "--delay", "0", "--contact", "me@example.org", "--workers", "5")
_CONFIG = """[defaults]
cadence = "12h"

[notify]
command = ["/bin/sh", "-c", "{command}"]
webhook = "{webhook}"
"""
# A check reads all of the archive, which takes as long as two crawls.
_CHECK_RARELY = """
[maintenance]
check_days = {days}
"""
_NOT_NOW = """
[groups.{name}]
cadence = "300d"
"""
_WRITES = f"cat >> {MESSAGES} && echo >> {MESSAGES}"


class Month:
    """The healthy month of these blogs: `folders` has a copy of the archive as it was after the run of each day, from
    the day before the first fault on.
    """

    def __init__(self, world: World, folder: Path, blogs: Collection[str] = CRAWLED) -> None:
        self.world = world
        self.folder = folder
        self.blogs = blogs
        self.folders: dict[int, Path] = {}

    def build(self, first: int = FIRST_FAULT_DAY, last: int = DAYS) -> None:
        branch = Branch(self.world, self.folder / "healthy", self.blogs)
        branch.folder.mkdir(parents=True)
        branch.mend_command()
        branch.day = 0.9
        for name in self.blogs:
            branch.command("sites", "add", BLOGS[name].url)
            branch.command("sites", "tag", name, BLOGS[name].site)
        for day in range(1, last + 1):
            done = branch.run(day)
            assert done.code == 0, done
            if day >= first - 1:
                self.folders[day] = self.folder / f"day-{day}"
                copy_archive(branch.folder, self.folders[day])

    def expected(self, day: int) -> dict[str, Kept]:
        return articles(self.folders[day] / "archive.db")


class Branch:
    """An archive with its folder, at a day of the month. Only `blogs` are crawled each day. `checks_all`: the nightly
    check reads the whole archive.
    """

    def __init__(
        self, world: World, folder: Path, blogs: Collection[str] = CRAWLED, *, checks_all: bool = False
    ) -> None:
        self.world = world
        self.folder = folder
        self.blogs = blogs
        self.checks_all = checks_all
        self.day = 1.0
        self.shift = timedelta(0)
        self.refused: list[str] = []

    @property
    def archive(self) -> Path:
        return self.folder / "archive.db"

    def run(self, day: float, kill_at: int | None = None, disturb: str = "") -> Done:
        """Run the day: a backup now and then, and the crawls that are due, with notices and the nightly check."""
        self.day = self.world.day = day
        if not day % _BACKUP_EVERY and not disturb:
            self.backup()
        if disturb:
            return self._disturbed(disturb)
        return self.command(*_SCHEDULE, kill_at=kill_at)

    def command(self, *words: str, kill_at: int | None = None) -> Done:
        return run_at(self._now(), *words, **self._where(), kill_at=kill_at)

    def backup(self) -> Done:
        return self.command("backup", "backup/archive.db", "--captures", "--quiet")

    def move(self) -> None:
        """Move the archive with all that belongs to it."""
        self.folder = self.folder.rename(self.folder.with_name(f"{self.folder.name}-moved"))

    def some_post(self) -> str:
        """Return the address of an archived post."""
        return sorted(articles(self.archive))[7]

    def break_command(self) -> None:
        self._configure("echo no mail today >&2; exit 3")

    def mend_command(self) -> None:
        self._configure(_WRITES)

    def _configure(self, command: str) -> None:
        text = _CONFIG.format(command=command, webhook=self.world.inbox_url)
        text += _CHECK_RARELY.format(days=1 if self.checks_all else 300)
        text += "".join(_NOT_NOW.format(name=name) for name in self._tags() if name not in self.blogs)
        (self.folder / "archiver.toml").write_text(text)

    def _tags(self) -> list[str]:
        """Return the tags of the archive's sites, which are the names of the blogs."""
        if not self.archive.exists():
            return []
        with closing(sqlite3.connect(self.archive)) as db:
            return [tag for (tag,) in db.execute("select distinct tag from site_tags order by 1")]

    def _now(self) -> Any:
        return time_of(self.day) + self.shift

    def _where(self) -> dict[str, Any]:
        return {"folder": self.folder, "environment": {**self.world.environment, "ARCHIVER_ARCHIVE": "archive.db"}}

    def _disturbed(self, disturb: str) -> Done:
        """Run the day's crawls with a disturbance, and once more after it."""
        if disturb == "twice":
            first, second = (start_at(self._now(), *_SCHEDULE, **self._where()) for _ in range(2))
            return max(first.end(), second.end(), key=lambda done: done.code)
        running = start_at(self._now(), *_SCHEDULE, **self._where(), kill_at=400 if disturb == "kill" else 0)
        if disturb == "terminate":
            running.terminate_at(300)
        self.refused.append(f"exit code {running.end().code}")
        self.day += 0.02
        return self.command(*_SCHEDULE)


@dataclass
class Outcome:
    """What a fault did: the bars that it missed, and what was reported of it."""

    fault: Fault
    day: int
    reported_on: int = 0
    """The run after the fault's beginning that reported it; 0 if none did."""
    channels: list[str] = field(default_factory=list)
    sentence: str = ""
    begun: int = 0
    over: int = 0
    missed: list[str] = field(default_factory=list)
    steps: dict[int, int] = field(default_factory=dict)
    killed: str = ""
    tried: bool = True


def simulate(
    month: Month, fault: Fault, day: int, dice: Random | None = None, steps: dict[int, int] | None = None
) -> Outcome:
    """Run a fault that begins on this day of the month, and two runs after its repair. With `dice`, one of the runs is
    killed at one of its `steps` and then run again; without `steps`, they are only counted.
    """
    outcome = Outcome(fault, day)
    with _branch(month, fault, day) as branch:
        if branch is None:
            outcome.tried = False
        else:
            _Simulation(month, fault, day, branch, outcome, dice, steps or {}).run()
    return outcome


@contextmanager
def _branch(month: Month, fault: Fault, day: int) -> Iterator[Branch | None]:
    """Yield a copy of the archive as it was before the day; None if its file system cannot be made."""
    folder = month.folder / fault.name
    folder.mkdir()
    on_disk = isinstance(fault, ArchiveFault) and fault.on_disk
    if on_disk and not archive_faults.mount(folder, 600):
        yield None
        return
    blogs = fault.blogs if isinstance(fault, SiteFault) else ARCHIVE_FAULT_BLOGS
    checks_all = isinstance(fault, ArchiveFault) and fault.checks_all
    branch = Branch(month.world, folder if on_disk else folder / "archive", blogs, checks_all=checks_all)
    shutil.copytree(month.folders[day - 1], branch.folder, dirs_exist_ok=True)
    branch.mend_command()
    with closing(sqlite3.connect(branch.archive)) as db, db:  # the copy has its own backups
        healthy = str(month.folder / "healthy")
        db.execute("update backups set path = replace(path, ?, ?)", [healthy, str(branch.folder)])
    try:
        yield branch
    finally:
        month.world.begin(None)
        if on_disk:
            archive_faults.unmount(folder)
        shutil.rmtree(folder, ignore_errors=True)


class _Simulation:
    def __init__(
        self,
        month: Month,
        fault: Fault,
        day: int,
        branch: Branch,
        outcome: Outcome,
        dice: Random | None,
        steps: dict[int, int],
    ) -> None:
        self._month, self._fault, self._day, self._branch, self._outcome = month, fault, day, branch, outcome
        self._before = articles(branch.archive)
        self._genuine: dict[str, set[Said]] = {}
        self._removed = ""
        self._heard = Counter[str]()
        self._sentences: dict[bool, list[str]] = {True: [], False: []}
        self._counts_steps = dice is not None
        self._kill: tuple[int, int] | None = None
        if dice and steps:
            number = dice.choice([one for one in steps if steps[one] > 1])
            self._kill = number, dice.randrange(1, steps[number])

    def run(self) -> None:
        fault, last = self._fault, max(self._fault.days)
        self._month.world.inbox.clear()
        self._branch.day = self._month.world.day = self._month.world.began = self._day
        if isinstance(fault, ArchiveFault):
            self._prepare(fault)
        for number in range(last + 1):
            if isinstance(fault, SiteFault):
                self._month.world.begin(fault if number in fault.days else None)
            self._one_run(number, faulty=True)
        if isinstance(fault, ArchiveFault):
            self._branch.shift = timedelta(0)
            fault.end(self._branch)
            self._branch.backup()
        else:
            self._month.world.begin(None)
        for number in range(last + 1, last + 1 + _REPAIRED_RUNS):
            self._one_run(number, faulty=False)
        self._judge(self._day + last + _REPAIRED_RUNS)

    def _prepare(self, fault: ArchiveFault) -> None:
        done = self._branch.backup()
        assert done.code == 0, done
        if fault.removes:
            self._removed = self._branch.some_post()
        fault.begin(self._branch)
        self._branch.shift = fault.shift

    def _one_run(self, number: int, *, faulty: bool) -> None:
        disturb = getattr(self._fault, "disturb", "") if faulty else ""
        kill_at = 0 if self._counts_steps else None
        if self._kill and self._kill[0] <= number and not self._outcome.killed:
            kill_at = self._kill[1]
        done = self._branch.run(self._day + number, kill_at, disturb)
        if kill_at and done.killed:
            self._outcome.killed = f"run {number + 1} at step {kill_at}"
            done = self._branch.run(self._day + number + 0.02)
        if self._fault_is_genuine:
            for address, said in self._month.world.shown().items():
                self._genuine.setdefault(address, set()).add(said)
        self._outcome.steps[number] = done.steps
        self._listen(number, faulty, done)
        if faulty or number == max(self._fault.days) + 1:
            self._check_values(number)

    @property
    def _fault_is_genuine(self) -> bool:
        return isinstance(self._fault, SiteFault) and self._fault.genuine

    def _listen(self, number: int, faulty: bool, done: Done) -> None:
        """Count the messages that came with a run."""
        outcome = self._outcome
        heard = {"command": messages(self._branch.folder), "webhook": self._month.world.inbox}
        fresh = {channel: found[self._heard[channel] :] for channel, found in heard.items()}
        for channel, found in heard.items():
            self._heard[channel] = len(found)
        if "Traceback" in done.err:
            outcome.missed.append(f"run {number + 1} ended with a traceback: {done.err.strip().splitlines()[-1][:200]}")
        # A command that is killed after it sent a message and before it recorded that sends the same message again.
        most = max(len({one["text"] for one in found}) for found in fresh.values())
        if faulty:
            outcome.begun += most
        else:
            outcome.over += most
        self._sentences[faulty] += [one["changes"][0]["sentence"] for one in max(fresh.values(), key=len)]
        reported = [channel for channel, found in fresh.items() if found]
        sentence = next((one["changes"][0]["sentence"] for found in fresh.values() for one in found), "")
        if not reported and done.code > 0 and done.err.strip() and isinstance(self._fault, ArchiveFault):
            reported, sentence = ["stderr"], done.err.strip().splitlines()[0]
        if reported and faulty and not outcome.reported_on:
            outcome.reported_on, outcome.channels, outcome.sentence = number + 1, reported, sentence

    def _check_values(self, number: int) -> None:
        """Check that each article says what its post said some time in the month, and nothing older than before, and
        that none was lost. A post that came out during the fault may lack what the blog did not show.
        """
        try:
            now = articles(self._branch.archive)
        except Exception as error:
            if isinstance(self._fault, ArchiveFault):
                return  # an archive that cannot be read; whether all of it comes back is judged after the repair
            raise error
        versions = self._month.world.versions(self._day + number)
        for address, said in self._genuine.items():
            versions.setdefault(address, []).extend(said)
        wrong = Counter[str]()
        for address, kept in now.items():
            good = versions.get(address)
            if good is None:
                wrong["articles that are no post"] += 1
            elif self._is_older(address, kept.said, good):
                wrong["articles set back to an earlier version"] += 1
            elif kept.said not in good and not (address not in self._before and _is_less(kept.said, good)):
                wrong[f"articles with another {_difference(kept.said, good)}"] += 1
            if kept.gone and not self._fault_is_genuine:
                wrong["articles marked as gone"] += 1
        wrong["articles lost"] = len(self._before.keys() - now.keys() - {self._removed})
        self._outcome.missed += [f"after run {number + 1}: {count} {what}" for what, count in wrong.items() if count]

    def _is_older(self, address: str, said: Said, versions: list[Said]) -> bool:
        """Return True if an article says something older than before the fault."""
        before = self._before.get(address)
        if before is None or address in self._genuine or before.said not in versions or said not in versions:
            return False
        return versions.index(said) < versions.index(before.said)

    def _judge(self, day: int) -> None:
        outcome, fault = self._outcome, self._fault
        if fault.reported == "yes" and not 0 < outcome.reported_on <= fault.reported_by:
            outcome.missed.append(f"reported by run {outcome.reported_on}" if outcome.reported_on else "not reported")
        most = 0 if fault.reported == "no" else fault.faults
        if outcome.begun > most:
            outcome.missed.append(f"{outcome.begun} messages while it lasted ({_beginnings(self._sentences[True])})")
        if outcome.over > fault.faults:
            outcome.missed.append(f"{outcome.over} messages after it ({_beginnings(self._sentences[False])})")
        sites = tuple(BLOGS[name].url for name in self._branch.blogs)
        expected = {url: one for url, one in self._month.expected(day).items() if url.startswith(sites)}
        now = {url: one for url, one in articles(self._branch.archive).items() if url.startswith(sites)}
        expected.pop(self._removed, None)
        outcome.missed += _differences(expected, now, self._before, self._genuine)
        for replaced in (self._branch.folder / "warc").glob("*.damaged*"):
            replaced.unlink()  # what a restore kept of the damaged file
        outcome.missed += [f"the archive is not sound: {one}" for one in flaws(self._branch.archive)[:3]]
        if held := held_pages(self._branch.archive):
            outcome.missed.append(f"{held} pages are still held")
        health = self._branch.command("status", "--health")
        if health.code and not self._fault_is_genuine:
            outcome.missed.append(f"not healthy after two runs: {_first_finding(health.out)}")


def _difference(said: Said, good: Collection[Said]) -> str:
    """Return the fields in which an article differs from all versions of its post, from that with the fewest."""
    fields = Said.__dataclass_fields__
    by_version = [[name for name in fields if getattr(said, name) != getattr(one, name)] for one in good]
    return " and ".join(min(by_version, key=len))


def _is_less(said: Said, good: Collection[Said]) -> bool:
    """Return True if an article says only what a version of its post says, but not all of it."""
    return any(
        said.title == one.title
        and one.body.startswith(said.body.rstrip(". "))
        and all(
            getattr(said, name) in (getattr(one, name), (), "")
            for name in ("authors", "published", "tags", "categories")
        )
        for one in good
    )


def _differences(
    expected: dict[str, Kept], now: dict[str, Kept], before: Collection[str], genuine: dict[str, set[Said]]
) -> list[str]:
    """Return how the archive differs from one without the fault. Of posts that are no older than the fault only the
    present values are compared: the archive has never seen what they said meanwhile. What the blog really said may
    have become a revision.
    """
    wrong = Counter[str]()
    for address, kept in expected.items():
        other = now.get(address)
        if other is None:
            wrong["articles are missing"] += 1
        elif other.said != kept.said:
            wrong[f"articles have another {_difference(other.said, {kept.said})}"] += 1
        elif other.gone != kept.gone:
            wrong["articles are marked as gone"] += 1
        elif address in before and other.revisions != kept.revisions and address not in genuine:
            wrong["articles have other revisions"] += 1
    wrong["articles are too many"] = len(now.keys() - expected.keys() - genuine.keys())
    return [f"after the repair {count} {what}" for what, count in wrong.items() if count]


def _beginnings(sentences: list[str]) -> str:
    return "; ".join(one[:80] for one in sentences)


def _first_finding(text: str) -> str:
    return next((line.strip()[:200] for line in text.splitlines()[1:] if line.strip()), text[:200])
