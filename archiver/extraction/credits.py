"""Agencies and outlets a post names as its source, and the byline that stands at its end."""

from __future__ import annotations

import re
from dataclasses import dataclass

from archiver.extraction.names import looks_personal, names
from archiver.extraction.text import clean, folded

_AGENCIES = (
    "Reuters",
    "Associated Press",
    "AP",
    "AFP",
    "Agence France-Presse",
    "dpa",
    "EFE",
    "ANSA",
    "TASS",
    "RIA Novosti",
    "Interfax",
    "Xinhua",
    "Kyodo",
    "Yonhap",
    "Bloomberg",
    "UPI",
    "PTI",
    "ANI",
    "IANS",
    "APA",
    "ATS",
    "SDA",
    "Belga",
    "ANP",
    "PAP",
    "ČTK",
    "MTI",
    "Anadolu",
    "AA",
    "DHA",
    "IHA",
    "NTB",
    "TT",
    "STT",
    "Ritzau",
    "Lusa",
    "Europa Press",
    "KNA",
    "epd",
    "SID",
    "CNN",
    "BBC",
    "AFP-JIJI",
    "JIJI",
    "VnExpress",
    "TTXVN",
    "CNA",
    "Keystone-SDA",
)
_AGENCY = {folded(a) for a in _AGENCIES}
_FROM = (
    r"based\s+on\s+(?:reports?|reporting|information|material|articles?|news)\s*(?:sourced|taken|obtained|gathered|"
    r"compiled)?\s*(?:from|by|of)|"
    r"(?:information|reports?|material)\s+(?:is\s+|was\s+)?(?:sourced|taken|compiled|drawn)\s+from|(?:sourced|"
    r"compiled|adapted|translated|reprinted)\s+from|"
    r"with\s+(?:reporting|information|material|additional\s+reporting|files|inputs?|agency\s+inputs?)\s+(?:from|by)|"
    r"inputs?\s+from|reporting\s+by|"
    r"(?:con|com)\s+informaci[oó]n(?:es)?\s+de|com\s+informações\s+d[aeo]s?|avec|basado\s+en\s+información\s+de|"
    r"mit\s+(?:Material|Informationen)\s+von|"
    r"nach\s+(?:Angaben|Berichten)\s+von|по\s+(?:материалам|данным|сообщению|информации)|dựa\s+(?:trên|"
    r"theo)\s+(?:thông tin|tin|nguồn)\s+(?:từ|của)?|"
    r"tổng\s+hợp\s+(?:từ|theo)|theo"
)
_SOURCE = (
    r"sources?|via|credits?|fuentes?|fontes?|quellen?|bron|źródło|kaynak|nguồn(?:\s+tin)?|theo|источник(?:и)?|"
    r"джерело|来源|來源|消息来源|文章来源|出典|引用元|ソース|"
    r"출처|المصدر|مصدر|מקור|sumber|fonte|kilde|källa|lähde|zdroj|forrás|sursa"
)
_NOTE = re.compile(rf"\b(?:{_FROM})\s*:?\s+(?P<who>[^.()\[\]。]{{2,160}})", re.IGNORECASE)
_LABEL = re.compile(
    rf"^[\s(\[（【—–*-]*(?:{_SOURCE})\s*[:：]\s*(?P<who>[^()\[\]。]{{2,120}}?)[\s)\]）】.。*]*$", re.IGNORECASE
)
_IN_META = re.compile(
    rf"(?:^|[\s|·(（])(?:{_SOURCE})\s*[:：]\s*(?P<who>[^\s|·:：()（）]{{2,30}}(?:\s[A-Z][\w-]+){{0,3}})", re.IGNORECASE
)
_THEO = re.compile(r"^\s*[(\[]?\s*(?:theo|tổng hợp theo|nguồn)\s+(?P<who>[^().]{2,80}?)\s*[)\]]?\s*\.?$", re.IGNORECASE)
_PAREN_END = re.compile(r"[(\[（【]\s*(?P<who>[^()\[\]（）【】]{2,80})\s*[)\]）】]\s*$")
_DATELINE = re.compile(r"^[^\n]{2,60}?[(（](?P<who>[^()（）]{2,40})[)）]\s*[-–—:]")
_END_NOTE = re.compile(r"^(?P<name>[^()（）\[\]]{2,60}?)\s*[(（\[](?P<note>[^()（）]{5,300})[)）\]]\.?$")
_SPLIT = re.compile(r"\s*(?:[,;/、，;+]|\s+(?:and|und|y|et|e|и|và|ve|i|en|och|og)\s+|\s*&\s*)\s*", re.IGNORECASE)
_TRIM = re.compile(
    r"^(?:the|news\s+agency|agencies|agencia|agence|agentur|hãng(?:\s+tin)?|báo|tờ|trang|агентств[ао]|"
    r"reports?\s+(?:from|by)|by|from|của|từ)\s+",
    re.IGNORECASE,
)
_NOT = re.compile(
    r"^(?:the author|author|image|photo|internet|unknown|this|that|these|it|he|she|they|own|here|ảnh|foto|"
    r"wikipedia commons|pixabay|unsplash|pexels|"
    r"getty.*|shutterstock.*)$",
    re.IGNORECASE,
)
_PHOTO = re.compile(r"photo|image|picture|graphic|foto|ảnh|hình|imagen|bild|图|写真|صورة|фото|video", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Tail:
    """What the last lines of a body turned out to be: names, sources, and how many paragraphs they take."""

    authors: tuple[str, ...] = ()
    credits: tuple[str, ...] = ()
    paragraphs: int = 0


def outlets(text: str) -> list[str]:
    """Names of outlets in a phrase such as "Reuters and CNN"."""
    out: list[str] = []
    text = re.sub(r"https?://\S+", " ", clean(text))
    for piece in _SPLIT.split(text):
        piece = _TRIM.sub("", piece.strip(" .:–—-\"'“”*"))
        if (
            2 <= len(piece) <= 50
            and len(piece.split()) <= 5
            and (piece[0].isupper() or not piece[0].isascii() or folded(piece) in _AGENCY)
            and not _NOT.match(piece)
        ):
            out.append(piece)
        elif out and not piece:
            continue
        elif piece:
            break
    return out


def _agencies(text: str) -> list[str]:
    """The outlets of a phrase that consists of well-known agencies only: "(Reuters)", "dpa/AFP"."""
    pieces = [
        p.strip(" .") for p in re.split(r"\s*[,/;&+–-]\s*|\s+(?:and|und|y|et|e|và|и)\s+", clean(text)) if p.strip(" .")
    ]
    return pieces if pieces and all(folded(p) in _AGENCY for p in pieces) else []


def of_line(text: str) -> list[str]:
    """The sources one paragraph or note names, [] where it names none."""
    if len(text) > 400:
        return []
    if (m := _LABEL.match(text) or _THEO.match(text)) and not _PHOTO.search(text):
        return outlets(m["who"])
    if m := _PAREN_END.search(text):
        inner = m["who"]
        if found := _agencies(inner):
            return found
        if (n := _LABEL.match(inner) or _THEO.match(inner)) and not _PHOTO.search(inner):
            return outlets(n["who"])
        if n := _NOTE.search(inner):
            return outlets(n["who"])
    if (
        len(text) < 300
        and (m := _NOTE.search(text))
        and re.match(
            r"^[\s(\[（*]*(?:the|this|information|con|com|mit|nach|по|dựa|tổng|with|based|compiled|sourced|"
            r"translated|adapted|reporting|inputs?|additional|written)\b",
            text,
            re.IGNORECASE,
        )
    ):
        return outlets(m["who"])
    return []


def read_tail(body: str) -> Tail:
    """Looks at the last paragraphs of a body for a byline and for notes on the sources.

    A line "NAME (note that names the sources)" is both; it and notes that stand alone are no text of the post.
    """
    paragraphs = body.split("\n\n")
    authors: list[str] = []
    credits: list[str] = []
    taken = 0
    for text in reversed(paragraphs[-3:]):
        one = clean(text)
        if "\n" in text.strip() or not one:
            break
        m = _END_NOTE.match(one)
        if m and (sources := of_line(f"({m['note']})") or _note_sources(m["note"])):
            who = [n for n in names(m["name"]) if looks_personal(n)]
            if who and len(clean(m["name"])) <= 60 and _covers(m["name"], who):
                authors, credits, taken = who + authors, sources + credits, taken + 1
                continue
        alone = of_line(one) if one[0] in "([（【*" or _LABEL.match(one) or _THEO.match(one) else []
        if alone:
            credits, taken = alone + credits, taken + 1
            continue
        break
    if taken >= len(paragraphs):
        taken = 0
    return Tail(tuple(dict.fromkeys(authors)), tuple(dict.fromkeys(credits)), taken)


def _note_sources(note: str) -> list[str]:
    m = _NOTE.search(note)
    return outlets(m["who"]) if m else []


def _covers(text: str, who: list[str]) -> bool:
    """Whether a text is little more than the names found in it."""
    return len(folded(text)) <= sum(len(folded(n)) for n in who) + 8


def credits(body: str, tail: Tail, lines: tuple[str, ...] = ()) -> tuple[str, ...]:
    """All sources a post names: at its end, in a dateline "HANOI (Reuters) -", in notes of their own, in its meta "
    "lines."""
    found = list(tail.credits)
    for one in lines:
        if m := _IN_META.search(one):
            found += outlets(m["who"])
    first = body[:160]
    if (m := _DATELINE.match(first)) and (known := _agencies(m["who"])):
        found += known
    paragraphs = body.split("\n\n")
    for text in paragraphs[-4:]:
        found += of_line(clean(text))
    out: dict[str, str] = {}
    for one in found:
        out.setdefault(folded(one), one)
    return tuple(out.values())
