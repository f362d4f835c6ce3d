"""An answer that is sent while it is made: an export of any size takes little memory."""

from __future__ import annotations

import asyncio
import io
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import Executor
from typing import IO, Any, cast

Message = MutableMapping[str, Any]
_CHUNK = 64_000
_AHEAD = 8


class Streaming:
    """What Datasette sends as a response: `make` writes it, in a thread of `pool`, and is held back while the reader is
    slower; a reader who goes away ends it, with a BrokenPipeError in `make`."""

    def __init__(self, make: Callable[[IO[bytes]], None], pool: Executor, headers: dict[str, str],
                 receive: Callable[[], Awaitable[Message]]) -> None:
        self.make, self.pool, self.headers, self.receive = make, pool, headers, receive

    async def asgi_send(self, send: Callable[[Message], Awaitable[None]]) -> None:
        """What fails before anything was written is raised before anything is sent: it is answered as a page is."""
        loop = asyncio.get_running_loop()
        out = _Pipe(loop)
        gone = asyncio.create_task(self._gone(out))
        making = loop.run_in_executor(self.pool, self._made, out)
        try:
            chunk = await out.chunks.get()
            if chunk is None:
                await making
            await send({"type": "http.response.start", "status": 200,
                        "headers": [(name.encode(), value.encode()) for name, value in self.headers.items()]})
            while chunk is not None:
                out.room.release()
                if not out.broken:
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
                chunk = await out.chunks.get()
            await making  # an error in the middle breaks the connection off: half a file is not taken for a whole one
            await send({"type": "http.response.body", "body": b""})
        except BrokenPipeError:
            pass
        finally:
            out.close_by_reader()
            gone.cancel()

    def _made(self, out: _Pipe) -> None:
        try:
            self.make(cast(IO[bytes], out))
            out.flush()
        finally:
            out.end()

    async def _gone(self, out: _Pipe) -> None:
        while (await self.receive())["type"] != "http.disconnect":
            pass
        out.close_by_reader()


class _Pipe(io.RawIOBase):
    """A file in a thread, a queue of chunks in the loop, which ends with None; `room` is for as many more of them."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self.loop, self.broken = loop, False
        self.chunks: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.room = threading.Semaphore(_AHEAD)
        self._held = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._held += data
        if len(self._held) >= _CHUNK:
            self.flush()
        return len(data)

    def flush(self) -> None:
        if self._held and not self.closed:
            chunk = bytes(self._held)
            self._held.clear()
            self._put(chunk)

    def end(self) -> None:
        """Said whatever came of it, or who reads the chunks would wait for the next one forever."""
        self.loop.call_soon_threadsafe(self.chunks.put_nowait, None)

    def close_by_reader(self) -> None:
        """Nobody reads it any more: who writes is woken, and told so."""
        self.broken = True
        self.room.release()

    def _put(self, chunk: bytes) -> None:
        if not self.broken:
            self.room.acquire()
        if self.broken:
            raise BrokenPipeError
        self.loop.call_soon_threadsafe(self.chunks.put_nowait, chunk)
