"""What a crawl's processes say to one another. Each message is pickled by itself, so a process that dies tears none."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection

from archiver.commands.crawls.plan import Came, Host
from archiver.errors import ArchiverError
from archiver.extensions.terminal import Leave, Line
from archiver.store.runs import Counts


@dataclass(frozen=True, slots=True)
class Crawl:
    """To a worker: crawl this host, beside the others that you crawl."""

    host: Host


@dataclass(frozen=True, slots=True)
class NoMore:
    """To a worker that has nothing to do: close what is still open, and end."""


@dataclass(frozen=True, slots=True)
class Stop:
    """To a worker: end as if this signal had been sent to you. `at_once`: without the pages under way."""

    signum: int
    at_once: bool = False


@dataclass(frozen=True, slots=True)
class Told:
    """From a worker: what came of the plan at this place."""

    index: int
    came: Came


@dataclass(frozen=True, slots=True)
class Free:
    """From a worker: the host of the plan at this place is not crawled any more, though its result may still come."""

    index: int


@dataclass(frozen=True, slots=True)
class Seen:
    """From a worker, now and then: how far a plan's run has come. All that is known of it if the worker is killed."""

    index: int
    counts: Counts


@dataclass(frozen=True, slots=True)
class Notice:
    """From a worker: a sentence for the person at the screen."""

    sentence: str


ToWorker = Crawl | NoMore | Stop
FromWorker = Told | Free | Seen | Notice | Line | Leave | ArchiverError


def send(link: Connection, message: ToWorker | FromWorker) -> None:
    """Send, if anyone still listens: that the other process has died is noticed where its messages are read."""
    with suppress(OSError):
        link.send(message)
