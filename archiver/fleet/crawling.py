"""A crawl of one site in a process of its own, on a leash."""

from __future__ import annotations

from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from archiver.commands.crawls.fork import fork_crawl, let_through
from archiver.commands.crawls.plan import Came, Order, Result, plan_of
from archiver.errors import ArchiverError
from archiver.fleet.leash import Leashed, take_leash
from archiver.frontier.asking import look_before_asking
from archiver.store.runs import Counts


def begin(archive: Path, site: str, url: str, settings: dict[str, Any], contact: str | None) -> Leashed:
    """Start it; it begins when it hears how long it may (`lengthen`). Its result is a Result or an ArchiverError.
    Raises OSError where there is no room for it."""
    def died(how: str) -> Result:
        return Result(site, url, "failed", f"The process that crawled {url} {how}.", 0.0, Counts(), ())

    process, link = fork_crawl(site, archive, _work, archive, url, settings, contact)
    return Leashed(process, link, died)


def _work(link: Connection, archive: Path, url: str, settings: dict[str, Any], contact: str | None) -> None:
    """The life of the process."""
    leash = take_leash(link)
    if leash is None:
        return
    look_before_asking(leash.look)
    let_through()
    from archiver.commands.crawls.run_plans import run_plans

    came: Came
    try:
        (came,), _ = run_plans([plan_of(url, settings, None, contact, known=True)], Order(archive, quiet=True), 1)
    except ArchiverError as error:
        came = error
    link.send(came)
