"""A collection: what a reader has picked, as an address that lists it, to be kept, shared, exported and cited. With
`without`, an article is taken out of it: so the whole stands once on its page, and not in a link of each article."""

from __future__ import annotations

from archiver.search.citations import STYLES, cited
from archiver.store.records import records
from archiver.web.answer import Answer, Asked, Sent
from archiver.web.asking import LONG
from archiver.web.exports import KINDS
from archiver.web.picked import fingerprint, picked


def page(asked: Asked) -> Answer | Sent:
    chosen = picked(asked.db, asked.many("id"))
    name, out = asked.one("name"), asked.many("without")
    if out:
        rest = [("id", number) for number in chosen.ids if str(number) not in out]
        there = asked.link("/collection", [("name", name), *rest])
        return Sent("", "text/plain; charset=utf-8", 302, {"location": there})
    found = list(records(asked.db, chosen.ids))
    args = [("name", name), *(("id", one["id"]) for one in found)]
    whole = fingerprint(found)
    if asked.form == "json":
        return Answer("collection.html", {}, {"name": name, "fingerprint": whole, "articles": found,
                                              "missing": list(chosen.missing)})
    style = asked.one("style") if asked.one("style") in STYLES else ""
    return Answer("collection.html", {
        "name": name, "articles": found, "long": len(asked.link("/collection", args)) > LONG,
        "missing": chosen.missing, "fingerprint": whole, "kinds": KINDS, "args": args,
        "address": asked.origin + asked.link("/collection", args), "style": style, "styles": tuple(STYLES),
        "references": STYLES[style]([cited(one) for one in found]) if style else ""}, None)
