"""Bylines to names: prefixes, roles, handles and affiliations off, several names apart."""

from __future__ import annotations

import re

from archiver.extraction.text import clean
from archiver.extraction.words import AND, BY, NOT_A_NAME

# What a byline says in brackets belongs to the name as it is written ("Yumin Zhou (Brian)", "Qi Zhu (Cloudera)"),
# unless it is a handle, an address, a role or an agency.
_PAREN = re.compile(
    r"[\[【][^\]】]{0,80}[\]】]|[(（](?=[^)）]*(?:@|https?:|www\.|\d|\b(?:author|editor|writer|reporter|guest|staff|he|"
    r"she|they|him|her|"
    r"Reuters|AP|AFP|dpa|CNN|BBC)\b))[^)）]{0,80}[)）]|[(（]\s*[)）]",
    re.IGNORECASE,
)
_HANDLE = re.compile(r"(?<!\w)@[\w.]+|\S+@\S+\.\w+|https?://\S+|www\.\S+")
_ROLE = re.compile(
    r"^(?:(?:senior|chief|deputy|managing|associate|assistant|contributing|guest|staff|executive|lead|special|"
    r"freelance|political|business|science|health|"
    r"technology|national|foreign|news|sports?|world|features?|digital|data|investigative|medical|legal|opinion|"
    r"content|web|social media)\s+)*"
    r"(?:writer|reporter|editor|correspondent|contributor|columnist|author|blogger|journalist|intern|producer|"
    r"photographer|analyst|director|manager|"
    r"president|founder|co-?founder|ceo|cto|coo|vp|professor|fellow|researcher|scientist|strategist|specialist|"
    r"consultant|attorney|engineer|"
    r"editor[- ]in[- ]chief|staff|redakteur(?:in)?|redaktion|journaliste|rédaction|redactora?|periodista|"
    r"giornalista|redazione|phóng viên|biên tập viên)"
    r"(?:\s+(?:at|of|for|in|und|and)\s+.*)?$|"
    r"^(?:ph\.?\s?d\.?|m\.?d\.?|m\.?s\.?c?\.?|m\.?a\.?|b\.?a\.?|b\.?s\.?c?|r\.?d\.?n?\.?|r\.?n\.?|j\.?d\.?|"
    r"m\.?b\.?a\.?|m\.?p\.?h\.?|esq\.?|cfa|cpa|cfp|d\.?o\.?|"
    r"d\.?d\.?s\.?|l\.?d\.?|cpt|pharm\.?d\.?|lcsw|facs|faap|dpt|cissp|dvm|ll\.?m\.?|ed\.?d\.?|psy\.?d\.?)$",
    re.IGNORECASE,
)
_PARTICLES = frozenset(
    ["de", "del", "della", "di", "da", "dos", "das", "do", "van", "von", "der", "den", "zu", "zum", "la", "le", "les",
     "el", "al", "bin", "ibn", "ben", "y", "e", "du", "ter", "ten", "af", "ap", "'t", "of", "san", "st"]
)
_DATEISH = re.compile(r"\d{4}|\d{1,2}[:/.]\d{2}|\b(?:min(?:ute)?s? read|ago)\b", re.IGNORECASE)
_HAN = re.compile(r"^[\u4e00-\u9fff·]{2,4}$")
_TAIL = re.compile(
    r"\s*(?:[|•]|\s[–—-]\s|\s/\s|\son\s(?=\w+,? \d|\d)|\blast\s+(?:updated|modified|edited)\b|\bupdated\b|"
    r"\bpublished\b|\bposted\b|\bfor\s+the\b|\bon\s+behalf\s+of\b).*$",
    re.IGNORECASE,
)


def looks_personal(text: str) -> bool:
    """Whether a text has the shape of a person's name: a few words with capitals, or one handle."""
    words = re.sub(r"\s*[(（][^)）]*[)）]", "", text).split()
    if not 1 <= len(words) <= 5:
        return False
    if len(words) == 1:
        return len(text) >= 2
    return (
        bool(words)
        and all(w.lower() in _PARTICLES or not w[0].islower() for w in words)
        and not any(c.isdigit() for c in text)
    )


def is_name(text: str) -> bool:
    """Whether a text can be an author's name at all: a person, a desk, an account."""
    if not 2 <= len(text) <= 70 or not any(c.isalpha() for c in text) or NOT_A_NAME.match(text):
        return False
    if _DATEISH.search(text) or text.startswith(("http", "//", "www.")) or len(text.split()) > 8:
        return False
    return not re.search(r"[<>{}=\\]|\w{4}[.!?]\s|[。！？:：]|[?!]$", text)


def names(text: str, one: bool = False) -> list[str]:
    """The names a byline holds, in its order, each once.

    `one`: the text stands in a place meant for one author (a profile link, an author object), so that
    "Science and Health" stays whole and only what is plainly two people is divided.
    """
    text = clean(text)
    if not text or len(text) > 400:
        return []
    text = _strip_by(text)
    text = clean(_HANDLE.sub(" , " if not one else " ", _PAREN.sub(" ", text)))
    if not one:
        text = _TAIL.sub("", text)
    out: list[str] = []
    for piece in _divide(text, one):
        piece = _strip_by(piece).strip(" \t,;:.|/·•–—-*\"“”'’") if piece.strip(" .") else ""
        piece = re.sub(r"\s*(?:,\s*)?(?:Ph\.?D|M\.?D|MBA|RD|Esq)\.?$", "", piece)
        if re.search(r"\b(?:Jr|Sr)$", piece):
            piece += "."
        if not piece or _ROLE.match(piece) or not is_name(piece):
            continue
        if piece.isupper() and len(piece) > 5 and " " in piece and piece.isascii():
            piece = " ".join(w.capitalize() if len(w) > 2 else w for w in piece.split())
        if piece.casefold() not in (o.casefold() for o in out):
            out.append(piece)
    return out[:25]


def _strip_by(text: str) -> str:
    for _ in range(2):
        m = BY.match(text)
        if not m or m.end() == len(text) or m.end() == 0:
            break
        text = text[m.end() :]
    return text


def _divide(text: str, one: bool) -> list[str]:
    text = re.sub(r",\s*(Jr|Sr|II|III|IV)\b\.?", r" \1", text)
    pieces = [p.strip() for p in AND.split(text) if p and p.strip()]
    if len(pieces) == 1:
        words = text.split()
        if len(words) > 1 and all(_HAN.match(w) for w in words):
            return words
        return pieces
    kept = [p for p in pieces if not _ROLE.match(p.strip(" ."))]
    people = all(looks_personal(p) for p in kept)
    if people and (not one or all(len(p.split()) > 1 or _HAN.match(p) for p in kept)):
        return kept
    if one:
        return [kept[0]] if len(kept) == 1 else [text]
    return [p for p in re.split(r"\s*[,;、，|/]\s*", text) if p] if not people else kept


def swapped(text: str) -> str:
    """ "Doe, Jane" as "Jane Doe" (citation_author and dc.creator are written so)."""
    m = re.fullmatch(r"([^,\s]+(?:\s[^,\s]+)?),\s*([^,]+)", clean(text))
    return f"{m[2]} {m[1]}" if m and not _ROLE.match(m[2]) else clean(text)
