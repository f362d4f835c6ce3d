"""Run the archiver's command line while sampling where its CPU time goes: `sampled.py FILE WORDS ...`.

FILE gets JSON: `samples`, their number by `stage` and by `function` (the innermost Python function; time in C counts
for the function that called it). A sample is taken every 4 ms of CPU time. Only the main thread is sampled.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import sys
from collections import Counter
from functools import cache
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

_EVERY = 0.004
# The stage of a sample is the first row of which one word is in a frame of its stack: a part of a path, or a function.
STAGES = (
    ("learning", ("Learning.checkpoint", "Learning.finish")),
    ("imports", ("<frozen importlib",)),
    ("extraction", ("archiver/extraction/",)),
    ("links", ("archiver/discovery/page_links.py",)),
    ("WARC", ("archiver/warc/",)),
    ("search index", ("archiver/search/",)),
    ("storing", ("archiver/storage/", "archiver/pipelines.py", "sqlite_utils/")),
    ("judging pages", ("archiver/discovery/", "archiver/articles/", "archiver/frontier/", "archiver/politeness/")),
    ("Scrapy", ("scrapy/", "twisted/", "asyncio/")),
)
OTHER = "other"


class Sampler:
    """Counts samples by stage and by function."""

    def __init__(self) -> None:
        self.stages: Counter[str] = Counter()
        self.functions: Counter[str] = Counter()

    def take(self, _: int, frame: FrameType | None) -> None:
        if frame is None:
            return
        code = frame.f_code
        self.functions[f"{short_path(code.co_filename)}:{code.co_qualname}"] += 1
        number = len(STAGES)
        at: FrameType | None = frame
        while at is not None:
            number = min(number, _number_of(at.f_code))
            at = at.f_back
        self.stages[_name_of(number)] += 1

    def figures(self) -> dict[str, Any]:
        return {
            "samples": sum(self.stages.values()),
            "stage": dict(self.stages),
            "function": dict(self.functions.most_common(40)),
        }


def stage_of(stack: list[str]) -> str:
    """Return the stage of a stack of frames, each given as its path and function."""
    return _name_of(min(map(_number_of_stage, stack), default=len(STAGES)))


def _name_of(number: int) -> str:
    return STAGES[number][0] if number < len(STAGES) else OTHER


def _number_of_stage(frame: str) -> int:
    """Return the number of the first stage to which a frame belongs; the number of stages if it belongs to none."""
    return next((n for n, (_, words) in enumerate(STAGES) if any(word in frame for word in words)), len(STAGES))


@cache  # a sample must take far less time than the distance between two samples
def _number_of(code: CodeType) -> int:
    return _number_of_stage(f"{code.co_filename} {code.co_qualname}")


def short_path(path: str) -> str:
    """Return a path from its package on."""
    for folder in ("site-packages/", f"{ROOT}/", "lib/python"):
        if folder in path:
            return path.rpartition(folder)[2]
    return path


def main() -> None:
    file, *words = sys.argv[1:]
    sampler, pid = Sampler(), os.getpid()

    def write() -> None:
        signal.setitimer(signal.ITIMER_PROF, 0)
        if os.getpid() == pid:  # a child process that was forked has no timer, but inherits this function
            Path(file).write_text(json.dumps(sampler.figures()), encoding="utf-8")

    atexit.register(write)
    signal.signal(signal.SIGPROF, sampler.take)
    signal.setitimer(signal.ITIMER_PROF, _EVERY, _EVERY)
    from archiver.cli.main import cli

    cli(words, prog_name="archiver")


if __name__ == "__main__":
    main()
