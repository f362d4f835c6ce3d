"""Extracts stored captures again. For fleets, and for imports that move a post."""

from __future__ import annotations

from archiver.maintenance.capture_reader import make_reader_without_hints
from archiver.maintenance.reextraction_reader import ReextractedArticle
from archiver.maintenance.reextraction_request import ReextractionRequest, select_articles
from archiver.maintenance.reextraction_run import begin_reextraction, reextract, reextract_all

__all__ = [
    "ReextractedArticle",
    "ReextractionRequest",
    "begin_reextraction",
    "make_reader_without_hints",
    "reextract",
    "reextract_all",
    "select_articles",
]
