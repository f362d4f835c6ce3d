"""A collection: what a reader has picked, as an address that lists it, to be kept, shared, exported and cited; a
hundred a page. With `without`, an article is taken out of it: so the whole stands once on its page, and not in a link
of each article."""

from __future__ import annotations

from archiver.search.citations import STYLES, cited
from archiver.store.records import records
from archiver.web.answer import Answer, Asked, Sent
from archiver.web.asking import LONG
from archiver.web.exports import KINDS
from archiver.web.named import MANY, offset_of
from archiver.web.picked import fingerprint, picked


def page(asked: Asked) -> Answer | Sent:
    chosen = picked(asked.db, asked.many("id"))
    name, out = asked.one("name"), asked.many("without")
    style = asked.one("style") if asked.one("style") in STYLES else ""
    first = offset_of(asked)
    if out:
        rest = [("id", number) for number in chosen.ids if str(number) not in out]
        there = asked.link("/collection", [("name", name), *rest, ("style", style), ("offset", first or None)])
        return Sent("", "text/plain; charset=utf-8", 302, {"location": there})
    found = list(records(asked.db, chosen.ids))
    whole = fingerprint(found)
    if asked.form == "json":
        return Answer("collection.html", {}, {"name": name, "fingerprint": whole, "articles": found,
                                              "missing": list(chosen.missing)})
    first = min(first, max(len(found) - 1, 0) // MANY * MANY)  # the last of a page may have been taken out
    shown = found[first:first + MANY]
    # Its address, which is cited, names each by itself; what the page repeats is as short as can be.
    address = asked.link("/collection", [("name", name), *(("id", one["id"]) for one in found)])
    args = [("name", name), ("id", ",".join(str(one["id"]) for one in found))]

    def link(to: int) -> str:
        return asked.link("/collection", [*args, ("style", style), ("offset", to or None)])

    return Answer("collection.html", {
        "name": name, "articles": found, "shown": shown, "first": first, "long": len(address) > LONG,
        "missing": chosen.missing, "fingerprint": whole, "kinds": KINDS, "args": args,
        "kept": [*args, ("style", style), ("offset", first or None)],
        "before": link(max(first - MANY, 0)) if first else "",
        "after": link(first + MANY) if found[first + MANY:] else "",
        "address": asked.origin + address, "style": style, "styles": tuple(STYLES),
        "references": STYLES[style]([cited(one) for one in shown]) if style else ""}, None)
