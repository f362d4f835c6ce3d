"""One saved search: what it finds that it had not told of yet. Looking tells of nothing: that does the command."""

from __future__ import annotations

from archiver.search.asked import as_options
from archiver.search.saved import WHY, peek
from archiver.search.values import as_values
from archiver.web.answer import Answer, Asked
from archiver.web.asking import search_link


def page(asked: Asked) -> Answer:
    news = peek(asked.db, asked.named["name"])
    saved = news.saved
    data = {"name": saved.name, "query": as_options(saved.query), "since": news.since, "total": news.total,
            "new": [{**as_values(one.hit), "reason": one.why} for one in news.new]}
    return Answer("saved_search.html", {
        "saved": saved, "options": as_options(saved.query), "news": news, "why": WHY,
        "all": search_link(asked, saved.query), "feed": asked.link(f"/searches/{saved.name}/feed")}, data)
