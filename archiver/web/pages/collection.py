"""A collection: what a reader has picked, as an address that lists it, to be kept, shared, exported and cited."""

from __future__ import annotations

from archiver.search.citations import STYLES, cited
from archiver.store.records import records
from archiver.web.answer import Answer, Asked
from archiver.web.exports import KINDS
from archiver.web.picked import fingerprint, picked


def page(asked: Asked) -> Answer:
    chosen = picked(asked.db, asked.many("id"))
    found = list(records(asked.db, chosen.ids))
    name = asked.one("name")
    args = [("name", name), *(("id", one["id"]) for one in found)]
    whole = fingerprint(found)
    if asked.form == "json":
        return Answer("collection.html", {}, {"name": name, "fingerprint": whole, "articles": found,
                                              "missing": list(chosen.missing)})
    style = asked.one("style") if asked.one("style") in STYLES else ""
    return Answer("collection.html", {
        "name": name, "articles": [{**one, "without": asked.link("/collection", [
            pair for pair in args if pair != ("id", one["id"])])} for one in found],
        "missing": chosen.missing, "fingerprint": whole, "kinds": KINDS, "args": args,
        "address": asked.origin + asked.link("/collection", args), "style": style, "styles": tuple(STYLES),
        "references": STYLES[style]([cited(one) for one in found]) if style else ""}, None)
