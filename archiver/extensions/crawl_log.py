"""The log of crawls: a file that several processes write to and that is rotated. Each line names its run and site."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import time
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from archiver.sites.config import Log
from archiver.storage.transactions import environment_error

SUMMARY = "archiver.run"
"""The logger for the one-line summary that each run writes at its end."""

# The site and run whose code is executing. asyncio copies the context into every callback and task, so the lines of
# crawls that share a process are kept apart.
_run: ContextVar[tuple[str, int | None]] = ContextVar("run", default=("", None))


def log_as(site: str, run_id: int | None = None) -> None:
    """Adds a site and the ID of its run (None if it has none) to all further log lines of this task and of the tasks
    that it starts.
    """
    _run.set((site, run_id))


class _TextFormatter(logging.Formatter):
    """Formats a record as text. Each line, including those of a traceback, begins with time, level, run, site and
    logger.
    """

    def format(self, record: logging.LogRecord) -> str:
        site, run = _run.get()
        where = f" run {run}" if run else ""
        prefix = f"{_time(record)} {record.levelname}{where} {site or '-'} {record.name}: "
        return "\n".join(prefix + line for line in _message(record).splitlines() or [""])


class _JSONFormatter(logging.Formatter):
    """Formats a record as one JSON object."""

    def format(self, record: logging.LogRecord) -> str:
        site, run = _run.get()
        fields: dict[str, Any] = {
            "time": _time(record),
            "level": record.levelname,
            "logger": record.name,
            "run": run,
            "site": site or None,
            "message": _message(record),
        }
        return json.dumps(fields, ensure_ascii=False)


_plain = logging.Formatter()


def _time(record: logging.LogRecord) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03}Z"


def _message(record: logging.LogRecord) -> str:
    """Returns the message of a record, followed by its traceback if it has one."""
    text = record.getMessage()
    if record.exc_info:
        text += "\n" + _plain.formatException(record.exc_info)
    return f"{text}\n{record.stack_info}" if record.stack_info else text


class CrawlLogHandler(logging.Handler):
    """Appends records to a log file that other processes also write to, and rotates it.

    Each record is one write(2) to a file opened with O_APPEND, so that lines of several processes do not mix. The
    process that finds the file full locks it (flock(2)), checks that the file still has the log's name, and renames it.
    Processes that still have the renamed file open write their next records to the new file. No record is lost in
    between, because the renamed file is kept as a log file. A file may exceed the limit by one record per process.
    """

    def __init__(self, path: Path, options: Log) -> None:
        super().__init__(logging.INFO)
        self.setFormatter(_JSONFormatter() if options.format == "json" else _TextFormatter())
        self.addFilter(_is_worth_keeping)
        self._path = path
        self._options = options
        self._file = -1

    def emit(self, record: logging.LogRecord) -> None:
        try:
            data = (self.format(record) + "\n").encode("utf-8", "backslashreplace")
            self._open_current()
            if self._is_full(len(data)):
                self._rotate(len(data))
            os.write(self._file, data)
        except Exception:
            self.handleError(record)

    def close(self) -> None:
        self.acquire()
        try:
            self._close_file()
        finally:
            self.release()
        super().close()

    def _open_current(self) -> None:
        """Opens the file that currently has the log's name, unless it is open."""
        if self._file >= 0 and _identity(self._path) == _identity(self._file):
            return
        self._close_file()
        self._file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)

    def _is_full(self, more: int) -> bool:
        size = os.fstat(self._file).st_size
        return bool(size) and size + more > self._options.max_mb * 1_000_000

    def _rotate(self, more: int) -> None:
        fcntl.flock(self._file, fcntl.LOCK_EX)
        # Another process may have rotated the file before this one got the lock. The lock is on the file, not on its
        # name.
        if _identity(self._path) == _identity(self._file) and self._is_full(more):
            for number in range(self._options.keep, 0, -1):
                older = self._numbered(number)
                newer = self._numbered(number - 1) if number > 1 else self._path
                if newer.exists():
                    newer.replace(older)
            if not self._options.keep:
                self._path.unlink(missing_ok=True)
        self._open_current()

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")

    def _close_file(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def _is_worth_keeping(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.WARNING or record.name == SUMMARY


def _identity(file: Path | int) -> tuple[int, int] | None:
    try:
        found = os.stat(file)  # noqa: PTH116 - it also takes a file descriptor
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def install_crawl_log(path: Path, options: Log) -> None:
    """Makes this process log to the file `path`, which replaces any earlier log of crawls."""
    for handler in [one for one in logging.root.handlers if isinstance(one, CrawlLogHandler)]:
        logging.root.removeHandler(handler)
        handler.close()
    logging.root.setLevel(logging.NOTSET)
    logging.root.addHandler(CrawlLogHandler(path, options))


def prepare_log_file(archive: Path) -> Path:
    """Returns the path of the log file for crawls, in the folder `log` next to the archive. Raises an ArchiverError if
    it cannot be written.

    Also makes the logging module silent about write errors, because it would repeat the same error for each message.
    """
    log = archive.parent / "log" / "crawl.log"
    try:
        log.parent.mkdir(exist_ok=True)
        with log.open("a"):
            pass
    except OSError as error:
        raise environment_error(error, archive) from error
    logging.raiseExceptions = False
    return log
