"""What a crawl has to say: to its log, and to the person at the screen."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from pathlib import Path

from archiver.store.faults import fault_of


class Notices(logging.Handler):
    """What is said to the logger "archiver.notice", a sentence at a time."""

    def __init__(self, say: Callable[[str], None]) -> None:
        super().__init__()
        self._say = say

    def emit(self, record: logging.LogRecord) -> None:
        self._say(record.getMessage())


def on_screen(sentence: str) -> None:
    """Print a sentence on the standard error."""
    print(sentence, file=sys.stderr, flush=True)


def hear_notices(say: Callable[[str], None] | None) -> None:
    """Hand what a person should know to `say` from now on, besides the log; None: to nobody."""
    logging.getLogger("archiver.notice").handlers = [Notices(say)] if say else []


def log_file(archive: Path) -> Path:
    """The log beside the archive, which Scrapy's words go to. Raises an ArchiverError where there is no place for it.

    A log that cannot be written later is no reason to say so twice.
    """
    log = archive.parent / "log" / "crawl.log"
    try:
        log.parent.mkdir(exist_ok=True)
        with log.open("a"):
            pass
    except OSError as error:
        raise fault_of(error, archive) from error
    logging.raiseExceptions = False
    return log
