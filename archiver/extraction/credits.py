"""Finds the news agencies and other outlets that a post credits: in its dateline, its byline, notes at its end, and in
elements and metadata for sources.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

from archiver.extraction.normalization import clean_text, element_line, fold_text
from archiver.extraction.page import Page
from archiver.extraction.person_names import AMBIGUOUS, BY, KNOWN_AGENCIES, looks_personal, split_names
from archiver.extraction.post_locator import Post
from archiver.model.lazy_regex import lazy_regex

Form = Literal["label", "note", "origin"]


class AgencyWords(NamedTuple):
    """Words with which one language introduces the source of a text.

    - `words`: a regular expression for the words before the name.
    - `form`: "label" ("Source: X"), "note" ("with material from X") or "origin" ("Originally published in X").
    """

    language: str
    form: Form
    words: str


ROWS = (
    AgencyWords(
        "en", "label", r"(?:news |story |original |article )?sources?(?: of the (?:news|article))?|source article|via"
    ),
    AgencyWords(
        "en",
        "note",
        r"(?:based|compiled)\s+(?:on|from)\s+(?:news\s+)?(?:reports?|reporting|information|material|"
        r"coverage|dispatches|articles?)\s*(?:sourced|taken|obtained|gathered|compiled|published)?\s*"
        r"(?:from|by|of|in)",
    ),
    AgencyWords(
        "en",
        "note",
        r"(?:information|reports?|material)\s+(?:is\s+|was\s+|are\s+)?(?:sourced|taken|compiled|"
        r"drawn)\s+from",
    ),
    AgencyWords("en", "note", r"(?:sourced|compiled|adapted|translated)\s+from"),
    AgencyWords(
        "en",
        "note",
        r"with\s+(?:additional\s+)?(?:reporting|information|material|files?|inputs?|agency\s+inputs?|"
        r"reports?|contributions?)\s+from|(?:agency\s+)?inputs?\s+from",
    ),
    AgencyWords(
        "en",
        "origin",
        r"(?:re-?(?:printed|published|posted)|syndicated|cross-?posted)\s+(?:here\s+)?(?:with\s+"
        r"(?:the\s+)?(?:kind\s+)?permission\s+)?(?:from|of|by)",
    ),
    AgencyWords(
        "en",
        "origin",
        r"(?:this|the)\s+(?:\w+\s+)?(?:article|story|post|piece|essay|report|column|interview|content)"
        r"\s+(?:was\s+|has\s+been\s+|is\s+)?(?:(?:originally|first|previously|initially)\s+"
        r"(?:appeared|published|posted|ran|produced)|(?:appeared|published|posted|ran)\s+"
        r"(?:originally|first)|appeared|re-?published|re-?printed|re-?posted|syndicated|"
        r"produced\s+in\s+(?:partnership|collaboration))\s+(?:here\s+)?(?:in|on|at|by|for|from|with)",
    ),
    AgencyWords("en", "origin", r"(?:originally|first|previously)\s+(?:appeared|published|posted)\s+(?:in|on|at|by)"),
    AgencyWords("de", "label", r"quellen?"),
    AgencyWords(
        "de",
        "note",
        r"mit\s+(?:Material|Informationen|Agenturmaterial)\s+(?:von|der|des)|"
        r"unter\s+Verwendung\s+von\s+(?:Material|Informationen)\s+(?:von|der|des)",
    ),
    AgencyWords(
        "de",
        "origin",
        r"(?:dieser|der)\s+(?:Artikel|Beitrag|Text)\s+(?:erschien|ist|wurde)\s+(?:zuerst|zunächst|"
        r"ursprünglich)\s+(?:(?:bei|in|im|auf)\s+)?(?:der\s+|dem\s+)?|"
        r"zuerst\s+erschienen\s+(?:bei|in|auf)",
    ),
    AgencyWords("fr", "label", r"sources?"),
    AgencyWords("fr", "note", r"avec"),
    AgencyWords(
        "fr",
        "origin",
        r"cet\s+article\s+(?:est\s+paru|a\s+été\s+publié|est\s+republié|est\s+initialement\s+paru)\s+"
        r"(?:initialement\s+)?(?:dans|sur|par|à\s+partir\s+de)|"
        r"(?:publié|paru)\s+initialement\s+(?:dans|sur|par)",
    ),
    AgencyWords("es", "label", r"fuentes?"),
    AgencyWords("es", "note", r"con\s+informaci[oó]n(?:es)?\s+de(?:l)?|basado\s+en\s+informaci[oó]n\s+de"),
    AgencyWords(
        "es",
        "origin",
        r"(?:este\s+art[ií]culo\s+(?:fue\s+|se\s+)?)?(?:publicado|public[oó]|apareci[oó])\s+"
        r"originalmente\s+(?:en|por)",
    ),
    AgencyWords("pt", "label", r"fontes?"),
    AgencyWords("pt", "note", r"com\s+informaç(?:ão|ões)\s+d[aeo]s?"),
    AgencyWords("pt", "origin", r"(?:este\s+artigo\s+foi\s+)?publicad[oa]\s+originalmente\s+(?:em|n[ao]|por)"),
    AgencyWords("it", "label", r"font[ei]"),
    AgencyWords(
        "it",
        "origin",
        r"(?:questo\s+articolo\s+è\s+(?:stato\s+)?)?(?:pubblicato|apparso)\s+(?:originariamente|"
        r"originalmente|per\s+la\s+prima\s+volta)\s+(?:su|in|da)",
    ),
    AgencyWords("nl", "label", r"bron(?:nen)?"),
    AgencyWords(
        "nl",
        "origin",
        r"(?:dit\s+artikel\s+)?(?:verscheen|is)\s+(?:eerder|oorspronkelijk)\s+"
        r"(?:verschenen\s+)?(?:in|op|bij)",
    ),
    AgencyWords("pl", "label", r"źródł[oa]"),
    AgencyWords("cs", "label", r"zdroj"),
    AgencyWords("sv", "label", r"källa|källor"),
    AgencyWords("da", "label", r"kilder?"),
    AgencyWords("fi", "label", r"lähde|lähteet"),
    AgencyWords("hu", "label", r"forrás(?:ok)?"),
    AgencyWords("ro", "label", r"surs[ae]"),
    AgencyWords("ru", "label", r"источник(?:и)?|первоисточник"),
    AgencyWords("ru", "note", r"по\s+материалам|с\s+использованием\s+материалов"),
    AgencyWords("ru", "origin", r"(?:впервые|первоначально)\s+опубликован[оа]?\s+(?:в|на)"),
    AgencyWords("uk", "label", r"джерел[оа]"),
    AgencyWords("uk", "note", r"за\s+матеріалами"),
    AgencyWords("tr", "label", r"kaynak(?:lar)?"),
    AgencyWords("id", "label", r"sumber"),
    AgencyWords("vi", "label", r"nguồn(?:\s+(?:tin|bài(?:\s+viết)?))?|theo"),
    AgencyWords(
        "vi", "note", r"(?:dựa\s+(?:trên|theo)\s+(?:thông\s+tin|tin|nguồn)\s+(?:từ|của)|tổng\s+hợp\s+(?:từ|theo))"
    ),
    AgencyWords(
        "zh",
        "label",
        r"(?:文章|新闻|新聞|消息|信息|稿件|资料|資料|本文|内容)?(?:来源|來源|出处|出處)|稿源|转自|轉自|"
        r"(?:本文)?(?:转载|轉載|转自|摘自)(?:自|于)?",
    ),
    AgencyWords(
        "zh", "origin", r"(?:本文)?(?:首发于|首發於|原载于?|原載於?|原文(?:发表|刊登|载)于|转载自|轉載自|转自|摘自)"
    ),
    AgencyWords("ja", "label", r"出典|出所|引用元|情報源|提供|ソース|配信"),
    AgencyWords("ko", "label", r"출처|자료"),
    AgencyWords("ar", "label", r"(?:ال)?مصادر|(?:ال)?مصدر|نقل[اً]*\s+عن"),
    AgencyWords("he", "label", r"מקור(?:ות)?"),
    AgencyWords("fa", "label", r"منبع"),
    AgencyWords("lo", "label", r"ແຫ[ຼລ]່ງ(?:ຂ່າວ|ຂໍ້ມູນ)|ທີ່ມາ"),
)
NO_OUTLET = lazy_regex(
    r"^(?:the\s+author|author|own|image|photo|internet|web|online|unknown|anonymous|this|that|these|it|he|she|they|here|"
    r"there|various|many|several|others?|staff|editorial|company|official|press\s+release|"
    r"(?:\w+\.)*(?:pixabay|unsplash|pexels|flickr|wikimedia|getty|gettyimages|shutterstock|i?stock|istockphoto|canva|"
    r"freepik|youtube|facebook|instagram|twitter|x|t|midjourney|chatgpt)(?:\.(?:com|org|co|net))?(?:\s.*)?|wikipedia\s+commons|"
    r"(?:mon|tues|wednes|thurs|fri|satur|sun)day|january|february|march|april|may|june|july|august|september|october|"
    r"november|december|\d+|\S+(?:\s+de)?\s+(?:19|20)\d\d|"
    r"ảnh|hình|tổng\s*hợp|sưu\s*tầm|nhiều\s+nguồn|ngu[oồ]n\s+khác|mạng|eigene.*|redaktion|foto|propia|"
    r"elaboración.*|divulgação|redazione|собственн.*|открытые\s+источники|интернет|网络|網路|網絡|互联网|互聯網|本站|"
    r"原创|原創|整理|综合|綜合|未知|作者|网友|網友|自己|図|写真|저자|본인|الإنترنت|إنترنت|חדשות|אינטרנט|derleme|internet.*)$",
    re.IGNORECASE,
)
PHOTO = lazy_regex(
    r"photo|image|picture|graphic|chart|map\b|cover|illustration|foto|ảnh|hình|imagen|imagem|immagin|bild|grafik|"
    r"görsel|图|圖|写真|画像|صورة|الصورة|фото|изображени|иллюстраци|צילום|תמונ|사진|video|видео|vidéo",
    re.IGNORECASE,
)


def words_of_form(form: Form) -> str:
    """Returns the words of all languages for one form ("label", "note" or "origin"), as one regular expression."""
    return "|".join(row.words for row in ROWS if row.form == form)


_OPEN, _CLOSE = r"[\s(\[（【［「—–*/|«]*", r"[\s)\]）】］」*。.»]*"
_CREDIT_LABEL = lazy_regex(
    rf"^{_OPEN}(?:{words_of_form('label')})\s*[:：丨｜|/／]\s*(?P<who>[^()\[\]（）。]{{2,140}}?){_CLOSE}$",
    re.IGNORECASE,
)
_BARE_LABEL = lazy_regex(
    rf"^{_OPEN}(?P<word>(?:tổng\s+hợp\s+)?theo|nguồn|via|avec|mit|con|kaynak)\s+(?P<who>[^()\[\]。:]{{2,80}}?){_CLOSE}$",
    re.IGNORECASE,
)
"""Matches a line or a text in brackets that introduces a source without a colon: "(Theo VnExpress)", "(avec AFP)",
"(mit dpa)"."""
_PREPOSITIONS = frozenset(("avec", "mit", "con"))
_NOTE = lazy_regex(
    rf"(?:^|[\s(\[（*—–-])(?:{words_of_form('note')})\s*:?\s+(?P<who>[^.()\[\]。]{{2,160}})", re.IGNORECASE
)
_MONTH = r"january|february|march|april|may|june|july|august|september|october|november|december|\d{4}"
_ORIGIN = lazy_regex(
    rf"^{_OPEN}(?:{words_of_form('origin')})\s*[:：]?\s*(?P<who>[^()\[\]。]{{2,160}}?)"
    rf"(?=[.。，)\]）】»*]|上|的|\s+(?:on|under|and\s+is|at\s+http|in\s+(?:{_MONTH})|with\s+permission|unter|sous|bajo|sob|am|"
    rf"il|le|el|em)\s|,\s*(?:{_MONTH})|$)",
    re.IGNORECASE,
)
_IN_META = lazy_regex(
    rf"(?:^|[\s|·•(（/])(?:{words_of_form('label')})\s*[:：丨｜]\s*(?P<who>[^\s|·•:：()（）]{{2,30}}(?:\s[A-Z][\w-]+){{0,3}})",
    re.IGNORECASE,
)
_BRACKETS = lazy_regex(r"[(\[（【［]\s*(?P<who>[^()\[\]（）【】［］]{2,160})\s*[)\]）】］]\s*[.。]?\s*$")
_ENDED = lazy_regex(r"(?:^|[.!?…。！？\"”’»)）\]】])\s*$")
_DATELINES = tuple(
    lazy_regex(p, re.IGNORECASE)
    for p in (
        r"^[^\n()（）]{2,60}?[(（](?P<who>[^()（）]{2,40})[)）]\s*[-–—―:：]",  # NEW YORK (AP) -
        r"^[(（\[]\s*(?P<who>[^()（）\[\]]{2,30})\s*[)）\]]\s*[-–—―]",  # (ANSA) - ROMA,
        r"^[^\n]{2,60}?[./]\s*/(?P<who>[^/\n]{2,20})/\s*[.–—-]",  # МОСКВА, 4 мая. /ТАСС/.
        r"^[(（\[【［][^()（）\[\]【】［］=\n]{1,12}=\s*(?P<who>[^()（）\[\]【】［］=\n]{2,16})[)）\]】］]",
        r"^[【［\[(（](?:[^【】［］\[\]()（）\n]{0,6})?(?P<who>新华社|新華社|中新社|中新网|共同|時事|ロイター|"
        r"AFP時事|法新社|美联社)[^【】［］\[\]()（）\n]{0,16}[】］\])）]",  # 【東京共同】, （新华社北京5月4日电）
        r"^(?P<who>新华社|新華社|中新社|中新网|人民网|中央社|韩联社|路透社|法新社)[^\n，。]{1,20}(?:电|電|讯|訊|报道)",
    )
)
_COPYRIGHT = lazy_regex(
    r"^[\s(*]*(?:copyright|©|\(c\)|\(с\))+\s*(?:\d{4})?\s*(?:by\s+)?(?:the\s+)?(?P<who>[^.,\d]{2,40}?)"
    r"(?:[.,\d]|\s+all\s+rights|$)",
    re.IGNORECASE,
)
_END_NOTE = lazy_regex(r"^(?P<name>[^()（）\[\]]{2,60}?)\s*[(（\[](?P<note>[^()（）]{5,300})[)）\]]\.?$")
_SPLIT = lazy_regex(
    r"\s*(?:[,;/|、，；;+]|\s+(?:and|und|et|та|và|ve|en|och|og|dan|(?-i:y|e|i|и))\s+|\s+و\s*|\s*&\s*|\s+[-–]\s+)\s*",
    re.IGNORECASE,
)
_TRIM = lazy_regex(
    r"^(?:(?-i:the)|news\s+agency|agencies\s+(?=\w)|agencia|agence|agentur|nachrichtenagentur|agenzia|"
    r"hãng(?:\s+tin)?|báo(?:\s+điện\s+tử)?|tờ|trang(?:\s+tin)?|агентств[ао]|агенції|ТРК|газет[аы]|وكالة|صحيفة|موقع|"
    r"reports?\s+(?:from|by)|by|from|của|từ)\s+",
    re.IGNORECASE,
)
_STARTS_NOTE = lazy_regex(
    r"^[\s(\[（*—–-]*(?:(?:the|this)\s+(?:\w+\s+)?(?:post|article|story|report|piece|text|entry|dispatch|news)|information|"
    r"con|com|mit|unter|по|с|за|dựa|tổng|with|based|compiled|sourced|drawn|translated|adapted|inputs?|additional|agency|"
    r"basado)\b",
    re.IGNORECASE,
)
_DOMAIN, _INITIALS = lazy_regex(r"[\w-]+(?:\.[\w-]+)+"), lazy_regex(r"[a-zäöü]{2,4}")
_BETWEEN_AGENCIES = lazy_regex(r"\s*[,/;&+–]\s*|\s+(?:-|and|und|y|et|e|và|и|و)\s+")
_CREDIT_DATELINE_WORDS = 3
_FIRST, _ENDS = 3, 4
_MAX_CREDIT_LENGTH, _MAX_LIST_LENGTH = 50, 80
_MAX_WORDS = 5
_LINE = 400
_MAX_CAPTIONS = 60
_PLACES = (
    ".source",
    "#source",
    ".article-source",
    ".post-source",
    ".news-source",
    ".info-source",
    ".art-source",
    ".article__source",
    ".source-name",
    ".nguon",
    ".nguontin",
    ".source_baidu",
    "#source_baidu",
    ".kaynak",
    "[itemprop~=sourceOrganization]",
)
_METAS = ("contentsource", "source", "dc.source", "article:source", "mediaid", "source_name", "dable:author_source")


@dataclass(frozen=True, slots=True)
class BodyTail:
    """The authors and sources that the last paragraphs of a body name. `paragraphs` is how many of these paragraphs are
    bylines and therefore not text of the post.
    """

    authors: tuple[str, ...] = ()
    credits: tuple[str, ...] = ()
    paragraphs: int = 0


def find_outlets(text: str) -> list[str]:
    """Returns the names of outlets in a phrase such as "Reuters and CNN". If the phrase is a web address, returns its
    host.
    """
    text = clean_text(text).strip(" .:：–—-\"'“”*")
    if m := re.match(r"(?:https?://|www\.)\S+$", text):
        host = urlsplit(m[0] if "//" in m[0] else f"//{m[0]}").hostname or ""
        return [host.removeprefix("www.")] if "." in host and not NO_OUTLET.match(host.removeprefix("www.")) else []
    out: list[str] = []
    for piece in _SPLIT.split(re.sub(r"https?://\S+", " ", text)):
        piece = piece.strip(" .:：–—-\"'“”*«»《》「」()（）")
        piece = _TRIM.sub("", piece).strip(" .\"'“”«»")
        if fold_text(bare := re.sub(r"^The\s+", "", piece)) in KNOWN_AGENCIES:
            piece = bare
        if is_outlet(piece):
            out.append(piece)
        elif piece and not NO_OUTLET.match(piece):
            break
    return out


def is_outlet(text: str) -> bool:
    """Returns True if a text can be an outlet's name. It must be short and begin with a capital, a digit or a character
    outside ASCII, unless it is a known agency or a web address.
    """
    if not 2 <= len(text) <= _MAX_CREDIT_LENGTH or len(text.split()) > _MAX_WORDS or not any(c.isalpha() for c in text):
        return False
    starts_like_name = text[0].isupper() or text[0].isdigit() or not text[0].isascii()
    return (
        starts_like_name or fold_text(text) in KNOWN_AGENCIES or bool(_DOMAIN.fullmatch(text))
    ) and not NO_OUTLET.match(text)


def find_agencies(text: str, accept_ambiguous: bool = True) -> list[str]:
    """Returns the news agencies in a phrase such as "Reuters", "dpa/AFP" or "dpa/lni"; [] if the phrase also contains a
    name that is not a known agency.

    An editor's initials, as in "dpa/lni", are ignored. If `accept_ambiguous` is False, a phrase counts only if at least
    one of its names is not in AMBIGUOUS, since the short names there may mean something else.
    """
    if len(text) > _MAX_LIST_LENGTH:
        return []
    pieces = list(filter(None, (p.strip(" .©*") for p in _BETWEEN_AGENCIES.split(clean_text(text)))))
    found = [p for p in pieces if fold_text(p) in KNOWN_AGENCIES]
    if any(fold_text(p) not in KNOWN_AGENCIES and not _INITIALS.fullmatch(p) for p in pieces):
        return []
    return found if accept_ambiguous or any(fold_text(p) not in AMBIGUOUS for p in found) else []


def credits_of_line(text: str) -> list[str]:
    """Returns the agencies and outlets that one paragraph or note names as sources; [] if it names none."""
    if not text or len(text) > _LINE:
        return _sources_at_end(text[-_LINE:])
    labelled = _CREDIT_LABEL.match(text)
    if labelled and not PHOTO.search(text[: labelled.start("who")]) and not PHOTO.search(labelled["who"]):
        return find_outlets(labelled["who"])
    if (m := _BARE_LABEL.match(text)) and (found := _sources_after_bare_label(m)):
        return found
    if m := _ORIGIN.match(text):
        return find_outlets(m["who"])
    if m := _COPYRIGHT.match(text):
        return find_agencies(m["who"])
    is_bracketed = text[0] in "([（【—–-"
    return (
        find_agencies(text.strip(" ()[]（）【】—–-*."), accept_ambiguous=is_bracketed)
        or _sources_at_end(text)
        or _sources_in_note_line(text)
    )


def _sources_in_note_line(text: str) -> list[str]:
    """Returns the sources in a note such as "This report is based on information from Reuters"; [] for other texts."""
    m = _NOTE.search(text) if len(text) < 300 and _STARTS_NOTE.match(text) else None
    return find_outlets(m["who"]) if m else []


def _sources_at_end(text: str) -> list[str]:
    """Returns the sources named in brackets at the end of a paragraph."""
    m = _BRACKETS.search(text)
    if m is None:
        return []
    inner = m["who"].strip()
    before = text[: m.start()]
    if (found := find_agencies(inner)) and _ENDED.search(before):
        return found
    if PHOTO.search(inner):
        return []
    if n := _CREDIT_LABEL.match(inner):
        return find_outlets(n["who"])
    if (n := _BARE_LABEL.match(inner)) and (found := _sources_after_bare_label(n)):
        return found
    n = _NOTE.search(inner) or _ORIGIN.match(inner)
    return find_outlets(n["who"]) if n else []


def _sources_after_bare_label(m: re.Match[str]) -> list[str]:
    """Returns the names after a label without a colon, such as "(via Reuters)"; [] if a sentence follows the label.

    `m` is a match of _BARE_LABEL. After "mit", "con" and "avec", only known agencies count, since many other words may
    follow these prepositions.
    """
    who = m["who"]
    if m["word"].lower() in _PREPOSITIONS:
        return find_agencies(who)
    if PHOTO.search(who) or (m["word"].lower() == "via" and any(w.islower() for w in who.split())):
        return []
    pieces = [_TRIM.sub("", p).strip(" .\"'“”") for p in _SPLIT.split(who) if p.strip()]
    return find_outlets(who) if all(map(is_outlet, pieces)) else []


def read_tail(body: str) -> BodyTail:
    """Reads the byline and the notes on sources in the last paragraphs of a body.

    A line such as "Jane Doe (with material from Reuters)" is both a byline and a note; it is not part of the post's
    text. A line that only names the source ("Source: Reuters") is part of it.
    """
    paragraphs = body.rsplit("\n\n", 3)
    authors: list[str] = []
    credits: list[str] = []
    bylines = 0
    for position, text in enumerate(reversed(paragraphs[-3:])):
        one = clean_text(text)
        if "\n" in text.strip() or not one:
            break
        who, sources = _read_signed_note(one)
        sources = sources or _sources_of_note_paragraph(one)
        if not sources:
            break
        authors, credits = who + authors, sources + credits
        bylines += bool(who) and bylines == position
    if bylines >= len(paragraphs):
        bylines = 0
    return BodyTail(tuple(dict.fromkeys(authors)), tuple(dict.fromkeys(credits)), bylines)


def _read_signed_note(text: str) -> tuple[list[str], list[str]]:
    """Returns the authors and the sources in a line such as "Jane Doe (with material from Reuters)"; ([], []) for any
    other line.
    """
    m = _END_NOTE.match(text)
    sources = (credits_of_line(f"({m['note']})") or _sources_in_note(m["note"])) if m else []
    if m is None or not sources or len(clean_text(m["name"])) > 60:
        return [], []
    who = [n for n in split_names(m["name"]) if looks_personal(n)]
    return (who, sources) if who and _consists_of_names(m["name"], who) else ([], [])


def _sources_of_note_paragraph(text: str) -> list[str]:
    """Returns the sources in a line that consists only of a note about them, in brackets or after a label; [] for other
    lines.
    """
    is_note = text[0] in "([（【*" or _CREDIT_LABEL.match(text) or _BARE_LABEL.match(text)
    return credits_of_line(text) if is_note else []


def _sources_in_note(note: str) -> list[str]:
    m = _NOTE.search(note)
    return find_outlets(m["who"]) if m else []


def _consists_of_names(text: str, who: list[str]) -> bool:
    """Returns True if a text consists of the names `who`, which were found in it, and at most eight other letters or
    digits.
    """
    return len(fold_text(text)) <= sum(len(fold_text(n)) for n in who) + 8


def collect_credits(
    body: str, tail: BodyTail, lines: tuple[str, ...] = (), captions: Iterable[str] = (), beside: Iterable[str] = (),
    own: Iterable[str] = (),
) -> tuple[str, ...]:  # fmt: skip
    """Returns the news agencies and other outlets that a post credits, except the site itself, whose names are `own`.

    - `body`, `tail`: the text, with its dateline ("HANOI (Reuters) -") and notes, and the sources named at its end.
    - `lines`: the lines of the byline.
    - `captions`: the picture captions. Equal paragraphs are skipped, since a caption names the source of its picture.
    - `beside`: credits that `credits_on_page` found outside the text.
    """
    found = list(tail.credits)
    for one in lines:
        if (m := _IN_META.search(one)) and not PHOTO.search(one[max(0, m.start() - 12) : m.start("who")]):
            found += find_outlets(m["who"])
        else:
            by = BY.match(one)
            found += find_agencies(one[by.end() :] if by else one)
    pictured = set(captions)
    paragraphs = body.split("\n\n")
    first, last = (
        _first_paragraphs(paragraphs, pictured, _FIRST),
        _first_paragraphs(reversed(paragraphs), pictured, _ENDS)[::-1],
    )
    for text in first:
        found += read_dateline(text)[1]
    for text in dict.fromkeys([*first[:2], *last]):
        found += credits_of_line(text)
    site = {fold_text(n) for n in own}
    return unique_credits(one for one in [*found, *beside] if fold_text(one) not in site)


def _first_paragraphs(paragraphs: Iterable[str], left_out: set[str], most: int) -> list[str]:
    texts = (clean_text(p) for p in paragraphs)
    return list(islice((t for t in texts if t and t not in left_out), most))


def unique_credits(found: Iterable[str]) -> tuple[str, ...]:
    out: dict[str, str] = {}
    for one in found:
        out.setdefault(fold_text(one), one)
    return tuple(out.values())


def read_dateline(text: str) -> tuple[str, list[str]]:
    """Returns the place and the agencies in the dateline at the start of a paragraph; ("", []) if the paragraph has no
    dateline.

    The place is "" unless it is written in capitals, as agencies write it.
    """
    for rule in _DATELINES:
        m = rule.match(text[:160])
        if m is None or not (known := find_agencies(m["who"])):
            continue
        head = text[: m.start("who")].strip(" (（【[/")
        if not (head.isupper() or len(head.split()) <= _CREDIT_DATELINE_WORDS or any(c.isdigit() for c in head)):
            continue  # a sentence and not a dateline: "The British Broadcasting Corporation (BBC) - founded ..."
        place = re.split(r"[(（,，\d]", head)[0].strip(" -–—.")
        return (
            place if place.isupper() and 2 < len(place) <= 40 and fold_text(place) not in KNOWN_AGENCIES else ""
        ), known
    return "", []


def dateline_place(body: str) -> str:
    """Returns the place in the dateline of a body, in capitals as written there; "" if the dateline has no place or
    there is no dateline.
    """
    return next((place for p in body[:2_000].split("\n\n")[:3] if (place := read_dateline(clean_text(p))[0])), "")


def credits_on_page(page: Page, post: Post) -> list[str]:
    """Returns the agencies and outlets that a page names as sources outside the post's text: in elements whose class is
    one for sources, in meta elements, and in schema.org's sourceOrganization.
    """
    shown = (element_line(el) for el, _ in post.select(_PLACES, anywhere=False)[:3])
    texts = [text for text in shown if not PHOTO.search(text)] + page.data.meta(*_METAS)[:3]
    found = [name for text in texts if len(text) <= 60 for name in find_outlets(_without_label(text))]
    return found + page.data.texts(page.data.article(page.addresses), "sourceOrganization")[:3]


def _without_label(text: str) -> str:
    m = _CREDIT_LABEL.match(text)
    return m["who"] if m else text


def picture_captions(post: Post) -> list[str]:
    """Returns the texts of the page's picture captions; [] if the post has no body."""
    if post.body is None:
        return []
    index = post.page.index
    return [element_line(e) for e in [*index.tag("figcaption"), *index.with_class("wp-caption-text")][:_MAX_CAPTIONS]]


def credits_of_post(page: Page, post: Post, text: str, tail: BodyTail, lines: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Returns all agencies and outlets that a post credits anywhere on its page, except the site itself. `text` is the
    body, `tail` the names at its end, and `lines` are the lines of the byline.
    """
    host = (urlsplit(page.url).hostname or "").lower().removeprefix("www.")
    return collect_credits(
        text, tail, lines, picture_captions(post), credits_on_page(page, post), own=(*page.data.names_of_site(), host)
    )
