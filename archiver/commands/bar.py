"""Progress of long work whose stages have names."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Progress = Callable[[str, int, int], None]
"""Is told what is done now, how much of it, and of how many."""


@contextmanager
def staged(quiet: bool) -> Iterator[Progress]:
    """A bar on a terminal, nothing elsewhere; goes to stderr."""
    if quiet or not sys.stderr.isatty():
        yield lambda what, done, of: None
        return
    from rich.console import Console
    from rich.progress import Progress as Bar

    with Bar(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("the database")
        yield lambda what, done, of: bar.update(task, description=what, completed=done, total=of)
