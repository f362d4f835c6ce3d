"""Imports the whole program, for the fork server of `tests.processes`."""

from __future__ import annotations

import gc
import importlib
import pkgutil

import archiver

for found in pkgutil.walk_packages(archiver.__path__, "archiver."):
    if not found.name.endswith("__main__"):  # importing it would run the program
        importlib.import_module(found.name)
gc.freeze()
