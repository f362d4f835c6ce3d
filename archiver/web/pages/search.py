"""The search page: what was asked for, what was found."""

from __future__ import annotations

from archiver.search.run import run
from archiver.search.values import as_values
from archiver.web.answer import Answer, Asked
from archiver.web.asking import query_of


def page(asked: Asked) -> Answer:
    query = query_of(asked)
    found = run(asked.db, query)
    return Answer("search.html", {"query": query, "total": found.total, "hits": found.hits},
                  {"total": found.total, "hits": [as_values(hit) for hit in found.hits]})
