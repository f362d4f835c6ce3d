"""Where a command writes what it was asked for: the standard output, or a file that appears when it is complete."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from archiver.errors import OutputNotWritable


@contextmanager
def target(output: str) -> Iterator[IO[bytes]]:
    """The standard output, or a file that takes its name when all is written. Raises OutputNotWritable."""
    if output == "-":
        yield sys.stdout.buffer
        return
    file = Path(output)
    if file.is_dir():
        raise OutputNotWritable(output, "it is a folder")
    try:
        handle, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
    except OSError as error:
        raise OutputNotWritable(output, error.strerror or str(error)) from error
    try:
        with os.fdopen(handle, "wb") as out:
            yield out
        umask = os.umask(0)
        os.umask(umask)
        Path(name).chmod(0o666 & ~umask)
        Path(name).replace(file)
    except OSError as error:
        Path(name).unlink(missing_ok=True)
        raise OutputNotWritable(output, error.strerror or str(error)) from error
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
