"""What a feed or an API told of a page, as it is stored beside the page."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from archiver.fields import HINTED_LISTS, HINTED_TIMES
from archiver.items import GeoTag, Lead, Source

_PAGE_BREAK = "<!--nextpage-->"


def lead_json(lead: Lead, digests: Mapping[Source, str]) -> str:
    """A lead as stored beside its page, with each source's digest of its words.

    The full text is kept only where the page will show a part of it (WordPress's page breaks).
    """
    kept = lead if _PAGE_BREAK in lead.body_html else replace(lead, body_html="")
    values = {k: v for k, v in asdict(kept).items() if v not in ("", (), None, False)}
    for name in HINTED_TIMES:
        if name in values:
            values[name] = values[name].isoformat()
    values["digests"] = dict(digests)
    return json.dumps(values, ensure_ascii=False)


def lead_digest(lead: Lead) -> str:
    """Digest of what a reader would see change: title and text; "" where the source tells neither."""
    if not (lead.title or lead.body_html or lead.description):
        return ""
    return hashlib.blake2b(f"{lead.title}\0{lead.body_html or lead.description}".encode(), digest_size=12).hexdigest()


def lead_from(text: str | None) -> Lead | None:
    """The lead stored by `lead_json`."""
    if not text:
        return None
    values: dict[str, Any] = json.loads(text)
    values.pop("digests", None)
    for name in HINTED_TIMES:
        values[name] = datetime.fromisoformat(values[name]) if values.get(name) else None
    for name in HINTED_LISTS:
        values[name] = tuple(values.get(name, ()))
    values["geotags"] = tuple(GeoTag(**g) for g in values.get("geotags", ()))
    return Lead(**values)
