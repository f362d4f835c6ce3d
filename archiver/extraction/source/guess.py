"""Guesses the encoding of bytes that declare none (or a false one), by the letters they would spell."""

from __future__ import annotations

import re

_RUN = re.compile(rb"[^<>]+")
_SAMPLE = 16_000
_LETTERS = re.compile(rb"[A-Za-z]")
_ASCII = bytes(range(128))
# The letters and marks that texts in these encodings actually use.
_ALPHABETS = (
    ("cp1252", "àáâãäåæçèéêëìíîïñòóôõöøùúûüýÿßÀÁÂÄÅÆÇÈÉÊËÍÎÓÔÖØÚÜÑœŒ€«»“”„‘’…–—·º°ª¿¡§ \u00a0"),
    ("cp1250", "áäčďéěíĺľňóôŕřšťúůýžąćęłńśźżőűđăâîşţöüßÁČĎÉĚÍĽŇÓŘŠŤÚŮÝŽĄĆĘŁŃŚŹŻŐŰĐĂÂÎŞŢÖÜ„“”‘’«»…–—§° \u00a0"),
    ("iso8859-2", "áäčďéěíĺľňóôŕřšťúůýžąćęłńśźżőűđăâîşţöüßÁČĎÉĚÍĽŇÓŘŠŤÚŮÝŽĄĆĘŁŃŚŹŻŐŰĐĂÂÎŞŢÖÜ§° \u00a0"),
    ("cp1254", "ığşçöüâîûİĞŞÇÖÜ“”‘’…–—«»éè \u00a0"),
    ("cp1257", "ąčęėįšųūžāēģīķļņõäöüĄČĘĖĮŠŲŪŽĀĒĢĪĶĻŅÕÄÖÜ„“”‘’…–—«» \u00a0"),
)


def text_bytes(body: bytes) -> bytes:
    """The text between tags that has bytes outside ASCII: markup says nothing about a text's encoding."""
    out: list[bytes] = []
    room = _SAMPLE
    for m in _RUN.finditer(body[:400_000]):
        run = m[0]
        if run.isascii():
            continue
        if len(run) > room:
            # Not inside a character: no trailing byte of a legacy encoding looks like a space.
            run = run[: max(run.rfind(b" ", 0, room), run.rfind(b"\n", 0, room)) if b" " in run[:room] else room]
        out.append(run)
        room -= len(run)
        if room < 200:
            break
    return b" ".join(out)


def high_share(body: bytes) -> float:
    """The share, 0 to 1, of letters outside ASCII; every byte outside ASCII counts as one."""
    sample = text_bytes(body)
    high = len(sample.translate(None, _ASCII))
    return high / max(high + len(_LETTERS.findall(sample)), 1)


def guess(body: bytes) -> str:
    """A name of the encoding, "" if it cannot be determined."""
    sample = text_bytes(body)
    if not sample:
        return ""
    return _japanese(sample) or (_latin(sample) if high_share(body) < 0.5 else "") or _detected(sample)


def _japanese(sample: bytes) -> str:
    """Japanese is never written without hiragana, and no other language uses it."""
    for name in ("cp932", "euc_jp"):
        text = sample.decode(name, errors="replace")
        wide = [c for c in text if c > "\u00ff"]
        kana = sum("\u3041" <= c <= "\u3093" for c in wide)
        if kana > 0.15 * len(wide) and text.count("\ufffd") <= len(wide) / 50:
            return name
    return ""


def _latin(sample: bytes) -> str:
    best, most = "", 0
    for name, alphabet in _ALPHABETS:
        high = [c for c in sample.decode(name, errors="replace") if c > "\x7f"]
        score = sum(1 if c in alphabet else -3 for c in high)
        if score > most:
            best, most = name, score
    return best


def _detected(sample: bytes) -> str:
    try:
        from charset_normalizer import from_bytes

        found = from_bytes(sample).best()
    except (ValueError, LookupError, UnicodeError):
        return ""
    return found.encoding if found else ""
