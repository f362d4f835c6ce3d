"""Crawls plans, in this process or in several, and returns a result for each."""

from __future__ import annotations

from archiver.commands.crawls.log import hear_notices, on_screen
from archiver.commands.crawls.plan import Came, Order, Plan, Result, by_host, cores, never_begun
from archiver.commands.takedowns import finish_waiting
from archiver.errors import ArchiveInUse, ArchiverError
from archiver.store.connect import open_archive
from archiver.store.locks import HostInUse
from archiver.store.runs import Counts
from archiver.urls import Scope


def run_plans(plans: list[Plan], order: Order, workers: int) -> tuple[list[Result], int]:
    """Crawl all plans, `workers` hosts at a time, over the available cores. Returns a result for each plan, in their
    order, and the signal that ended them (0: none).

    One host, or one core, is crawled in this process: a second process would only cost its start and its memory.
    Raises what opening the archive raises, before the first request.
    """
    open_archive(order.archive, create=True).close()
    finish_waiting(order.archive, on_screen)
    came, signum = _crawl(plans, order, workers)
    return [_result(plan, came.get(index) or never_begun(plan), alone=len(plans) == 1)
            for index, plan in enumerate(plans)], signum


def _crawl(plans: list[Plan], order: Order, workers: int) -> tuple[dict[int, Came], int]:
    processes = min(workers, cores(), len(by_host(plans)))
    if processes > 1:
        from archiver.commands.crawls.apart import crawl_apart

        return crawl_apart(plans, order, workers, processes)
    from archiver.commands.crawls.here import crawl_here

    hear_notices(None if order.quiet else on_screen)
    return crawl_here(plans, order, workers)


def _result(plan: Plan, came: Came, *, alone: bool) -> Result:
    """The result of a plan. A site that another command or the scheduler crawls now is no error where other plans were
    crawled. Raises any other ArchiverError."""
    if isinstance(came, ArchiveInUse | HostInUse) and not alone:
        return Result(Scope.of(plan.url).name, plan.url, "waiting", str(came), 0.0, Counts(), ())
    if isinstance(came, ArchiverError):
        raise came
    return came
