"""One article."""

from __future__ import annotations

from archiver.store.records import find_article, record
from archiver.web.answer import Answer, Asked


def page(asked: Asked) -> Answer:
    found = record(asked.db, find_article(asked.db, asked.named["id"]))
    return Answer("article.html", {"article": found}, found)
