"""An answer that is sent while it is made: an export of any size takes little memory."""

from __future__ import annotations

import asyncio
import io
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
        await send({"type": "http.response.start", "status": 200,
                    "headers": [(name.encode(), value.encode()) for name, value in self.headers.items()]})
        loop = asyncio.get_running_loop()
        out = _Pipe(loop)
        gone = asyncio.create_task(self._gone(out))
        making = loop.run_in_executor(self.pool, self._made, out)
        try:
            while (chunk := await out.chunks.get()) is not None:
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await making  # an error in the middle breaks the connection off: half a file is not taken for a whole one
            await send({"type": "http.response.body", "body": b""})
        except BrokenPipeError:
            pass
        finally:
            out.broken = True
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
        out.broken = True


class _Pipe(io.RawIOBase):
    """A file in a thread, a queue of chunks in the loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self.loop, self.broken = loop, False
        self.chunks: asyncio.Queue[bytes | None] = asyncio.Queue(_AHEAD)
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
            self._put(bytes(self._held))
            self._held.clear()

    def end(self) -> None:
        self._put(None, last=True)

    def _put(self, chunk: bytes | None, *, last: bool = False) -> None:
        waiting = asyncio.run_coroutine_threadsafe(self.chunks.put(chunk), self.loop)
        while True:
            if self.broken:
                waiting.cancel()
                if last:
                    return
                raise BrokenPipeError
            try:
                waiting.result(0.2)
                return
            except TimeoutError:
                continue
