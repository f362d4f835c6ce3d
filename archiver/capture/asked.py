"""Why a capture that somebody asks for cannot be shown."""

from __future__ import annotations

from archiver.errors import ArchiverError


class CaptureNotFound(ArchiverError):
    def __init__(self, what: str) -> None:
        super().__init__(what, f"The archive has no capture {what!r}: the table 'captures' has those that there are.")


class NotCaptured(ArchiverError):
    def __init__(self, url: str, sentence: str = "") -> None:
        super().__init__(url, sentence or f"There is no capture of {url}: 'archiver why {url}' tells whether it was "
                                          "ever found.")


class CaptureUnreadable(ArchiverError):
    def __init__(self, capture: int, why: str) -> None:
        super().__init__(str(capture), f"Capture {capture} cannot be shown: {why}. 'archiver verify' tells what to do.")
