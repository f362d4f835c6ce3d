"""Makes inspect.stack fast, for libraries that call it often: Playwright at each call, Scrapy when it is imported."""

from __future__ import annotations

import inspect
import sys
from contextlib import AbstractContextManager
from types import FrameType
from unittest import mock


def without_source_lines() -> AbstractContextManager[object]:
    """Replace inspect.stack in the context by a function that returns the same frames without their source lines. To
    find these, the original looks through all imported modules for each frame.
    """
    return mock.patch.object(inspect, "stack", _stack)


def _stack(context: int = 1) -> list[inspect.FrameInfo]:
    found: list[inspect.FrameInfo] = []
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        code = frame.f_code
        found.append(inspect.FrameInfo(frame, code.co_filename, frame.f_lineno, code.co_name, None, None))
        frame = frame.f_back
    return found
