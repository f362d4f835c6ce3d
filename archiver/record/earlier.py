"""Meaning digests as earlier releases made them: what is stored is proved by the rule it was stored by."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable
from datetime import datetime
from hashlib import blake2b

from archiver.items import Article
from archiver.record.identity import digested, meaning_digest


def is_meaning_digest(digest: str | None, article: Article) -> bool:
    """Whether this release or an earlier one made the digest of just this meaning."""
    return any(made(article) == digest for made in _MADE)


def _of_0_2(article: Article) -> str:
    """White space aside, every sign counted, and the case of names."""
    told = {name: _spaced(getattr(article, name), today) for name, today in digested(article).items()}
    return blake2b(json.dumps(told, sort_keys=True, ensure_ascii=False).encode(), digest_size=16).hexdigest()


def _spaced(value: object, today: object) -> object:
    if isinstance(value, str):
        return " ".join(unicodedata.normalize("NFC", value).split())
    if isinstance(value, tuple) and all(isinstance(one, str) for one in value):
        return sorted({" ".join(unicodedata.normalize("NFC", one).split()) for one in value})
    return value.isoformat() if isinstance(value, datetime) else today


_MADE: tuple[Callable[[Article], str], ...] = (meaning_digest, _of_0_2)
