"""What the processes of `tests.processes` have imported when they begin: all that a crawl takes, and no reactor."""

from __future__ import annotations

import importlib
import pkgutil

import archiver

for found in pkgutil.walk_packages(archiver.__path__, "archiver."):
    if not found.name.endswith("__main__"):  # that one is the program itself
        importlib.import_module(found.name)
for name in ("scrapy.cmdline", "scrapy.crawler", "scrapy.core.engine", "scrapy.core.scheduler"):
    importlib.import_module(name)
