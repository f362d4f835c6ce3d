"""Imports the whole program and compiles its selectors, for the fork server of `tests.processes`."""

from __future__ import annotations

import gc
import importlib
import pkgutil

import archiver
from archiver.extraction.article import extract_page
from archiver.extraction.page import parse_page
from archiver.model.lazy_regex import compile_lazy_regexes

for found in pkgutil.walk_packages(archiver.__path__, "archiver."):
    if not found.name.endswith("__main__"):  # importing it would run the program
        importlib.import_module(found.name)
compile_lazy_regexes()
# The selectors are compiled when the first page is read.
extract_page(parse_page(b"<html><head><title>Title</title></head><body><p>Text</p></body></html>", "http://a.example/"))
gc.freeze()
