"""What the processes of `tests.processes` have imported when they begin: the whole program."""

from __future__ import annotations

import gc
import importlib
import pkgutil

import archiver

for found in pkgutil.walk_packages(archiver.__path__, "archiver."):
    if not found.name.endswith("__main__"):  # that one is the program itself
        importlib.import_module(found.name)
gc.freeze()
