"""Chooses between candidates: a file for each field that needs more than the one with the most confidence."""

from archiver.extraction.choose.first import best, terms
from archiver.extraction.choose.people import authors
from archiver.extraction.choose.times import published
from archiver.extraction.choose.titles import title

__all__ = ["authors", "best", "published", "terms", "title"]
