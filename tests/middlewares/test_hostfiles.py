"""A host's robots.txt and usage files are fetched once for all requests, and again when the copy is too old."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from archiver import middlewares
from archiver.middlewares import OncePerOrigin


def test_many_requests_wait_for_one_read(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    async def read(origin: str) -> str:
        asked.append(origin)
        await asyncio.sleep(0.01)
        return f"{origin} {len(asked)}"

    async def everything() -> None:
        files = OncePerOrigin(read)
        assert await asyncio.gather(*(files.get("a") for _ in range(5))) == ["a 1"] * 5
        assert await files.get("b") == "b 2"
        assert await files.get("a") == "a 1"
        monkeypatch.setattr(middlewares, "FRESH_FOR", timedelta(0))
        assert await files.get("a") == "a 3"

    asyncio.run(everything())


def test_a_cancelled_request_does_not_cancel_the_read_for_others() -> None:
    async def read(origin: str) -> str:
        await asyncio.sleep(0.02)
        return origin

    async def everything() -> None:
        files = OncePerOrigin(read)
        first, second = (asyncio.ensure_future(files.get("a")) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        assert await second == "a"

    asyncio.run(everything())
