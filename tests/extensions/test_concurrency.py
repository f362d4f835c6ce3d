"""A host never gets more concurrent requests than its download slot allows, however busy the machine is."""

from __future__ import annotations

from collections.abc import Coroutine
from itertools import count
from typing import Any

import pytest
from scrapy import Request
from scrapy.core import downloader
from scrapy.core.downloader import Slot
from scrapy.utils.test import get_crawler
from twisted.internet.defer import Deferred

from archiver.extensions.download_slot_throttle import CountingDownloader

LIMIT = 4


def started(monkeypatch: pytest.MonkeyPatch, delay: float, seconds_per_step: int) -> int:
    """Returns how many of twenty requests a slot starts before the event loop runs again."""
    clock = count(1000, seconds_per_step)
    monkeypatch.setattr(downloader, "monotonic", lambda: float(next(clock)))
    scheduled: list[Coroutine[Any, Any, None]] = []
    monkeypatch.setattr(downloader, "_schedule_coro", scheduled.append)
    slot = Slot(LIMIT, delay)
    slot.queue.extend((Request(f"http://a.example/{n}"), Deferred()) for n in range(20))
    crawler = get_crawler(settings_dict={"DOWNLOAD_HANDLERS": {"http": None, "https": None}})
    CountingDownloader(crawler)._process_queue(slot)
    for waiting in scheduled:
        waiting.close()
    return len(scheduled)


def test_a_slot_without_a_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    assert started(monkeypatch, 0, 0) == LIMIT


def test_a_process_that_is_interrupted_for_longer_than_the_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    assert started(monkeypatch, 0.001, 1) == LIMIT
