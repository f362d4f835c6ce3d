"""A file is sent while it is written, and the client disconnects."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import IO, Any

import pytest

from archiver.web.web_routes import StreamingResponse


@pytest.mark.parametrize("read", [0, 1, 20])
def test_a_disconnect_ends_the_request_and_the_writing(read: int) -> None:
    """Before the first chunk, after it, or while the writer waits for the client."""
    broken = threading.Event()

    def make(out: IO[bytes]) -> None:
        try:
            while True:
                out.write(b"x" * 100_000)
        except BrokenPipeError:
            with pytest.raises(BrokenPipeError):  # like a writer that adds a last line on closing
                out.write(b"x" * 100_000)
            broken.set()
            raise

    async def asked() -> list[dict[str, Any]]:
        sent: list[dict[str, Any]] = []
        left = asyncio.Event()

        async def receive() -> dict[str, Any]:
            await left.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            """Silently drop what is sent to a disconnected client, as uvicorn does."""
            sent.append(message)
            if len(sent) > read:
                left.set()
            await asyncio.sleep(0.2 if left.is_set() else 0)

        with ThreadPoolExecutor(1) as pool:
            await asyncio.wait_for(StreamingResponse(make, pool, {}, receive).asgi_send(send), 120)
        return sent

    sent = asyncio.run(asked())
    assert broken.is_set()
    assert not any(message.get("body") == b"" for message in sent)


def test_an_error_before_the_first_byte_sends_nothing() -> None:
    """Then the server can still respond with an error. Once a successful response has begun, it can only be aborted."""
    sent: list[Any] = []

    def make(out: IO[bytes]) -> None:
        raise ValueError("no date")

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        await asyncio.Event().wait()

    async def asked() -> None:
        with ThreadPoolExecutor(1) as pool:
            await asyncio.wait_for(StreamingResponse(make, pool, {}, receive).asgi_send(send), 120)

    with pytest.raises(ValueError, match="no date"):
        asyncio.run(asked())
    assert sent == []
