"""Text for comparing meaning: without typography and without what machines write between its lines."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

# Programs change quotation marks, dashes and dots (WordPress: wptexturize), in old posts too.
_QUOTES = ("\"`´\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f\u2032\u2033\u00ab\u00bb\u2039\u203a"
           "\u300c\u300d\u300e\u300f")
_DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212"
_UNSEEN = "\u00ad\u061c\u200b\u200c\u200d\u200e\u200f\u2060\ufe0e\ufe0f\ufeff"
_SET = {
    **dict.fromkeys(_QUOTES, "'"), **dict.fromkeys(_DASHES, "-"), **dict.fromkeys(_UNSEEN, ""), "\u2026": "...",
    "\ufb00": "ff", "\ufb01": "fi", "\ufb02": "fl", "\ufb03": "ffi", "\ufb04": "ffl",
}
_SPECIAL = re.compile(f"[{re.escape(_QUOTES + _DASHES + _UNSEEN)}\u2026\ufb00-\ufb04]")
# French has a no-break space inside its quotation marks.
_INSIDE = re.compile("(?<=[\u00ab\u2039])[\u00a0\u202f]|[\u00a0\u202f](?=[\u00bb\u203a])")
_RUN = re.compile("--+|''+")

_LONGEST_LINE = 60
_NUMBER = r"\d[\d.,\u00a0\u202f ]*\s?[kKmM]?"
_COUNTED = (
    r"views?|reads?|readers?|comments?|responses?|replies|shares?|likes?|claps?|followers?|reactions?|"
    r"aufrufe|kommentare?|antworten|vues|commentaires?|partages|visitas|vistas|lecturas|comentarios?|visualizzazioni|"
    r"commenti|visualiza\S+|coment\S+|weergaven|reacties|visningar|kommentarer|просмотр\S*|комментари\S*"
)
_UNIT = r"(?:seconds?|secs?|minutes?|mins?|hours?|hrs?|days?|weeks?|months?|years?|[smhdw])"
_LINES = (
    rf"{_NUMBER}\s*(?:{_COUNTED})",
    rf"(?:{_COUNTED})\s*[:(]?\s*{_NUMBER}\)?",
    rf"{_NUMBER}[\s-]*(?:min(?:ute)?s?\.?|minuten|minutos|minuti)\s*(?:read|reading|lesezeit|de lecture|de lectura|"
    r"di lettura|de leitura|leestijd|läsning)",
    rf"(?:read(?:ing)? time|lesezeit|temps de lecture|tiempo de lectura|tempo di lettura|leestijd)\s*:?\s*{_NUMBER}"
    r"\s*\w*\.?",
    rf"(?:(?:last )?(?:updated|modified|edited)|posted|published)?\s*:?\s*(?:about |over |an? )?(?:\d+)?\s*{_UNIT}"
    r"\s+ago",
    r"(?:updated|posted|published)?\s*(?:just now|yesterday|today)",
    r"(?:advertisement|advertising|sponsored(?: content)?|anzeige|werbung|publicité|publicidad|pubblicità|advertentie|"
    r"annonce|annons|реклама|広告)(?:\s*[-–—:].{0,30})?",
)
_PASSING = re.compile(rf"\s*[\W_]*(?:{'|'.join(_LINES)})[\W_]*\s*", re.IGNORECASE)


def plain(text: str) -> str:
    """Text with single spaces, NFC, one form of quotation mark, dash and ellipsis, and without invisible characters.

    Letters, digits, case, accents and meaningful signs stay: 10² and 102 are two numbers.
    """
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
        # In a tenth of the time of str.translate.
        text = _SPECIAL.sub(lambda sign: _SET[sign[0]], _INSIDE.sub("", text))
    text = text.replace('"', "'").replace("`", "'")
    if "--" in text or "''" in text:
        text = _RUN.sub(lambda run: run[0][0], text)
    return " ".join(text.split())


@lru_cache(maxsize=8)  # storing one reading needs it several times
def lasting(body: str) -> str:
    """The meaning of a body: as `plain`, without lines that are only about the moment and change with every visit: view
    counts, "3 hours ago", the label of an advertisement."""
    lines = body.split("\n")
    kept = (line for line in lines if len(line) > _LONGEST_LINE or not _PASSING.fullmatch(line))
    return plain("\n".join(kept))
