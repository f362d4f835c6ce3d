"""A category or a tag as text: the words in an address or a label that give its kind, and what is no term."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import pairwise
from typing import Literal
from urllib.parse import unquote, urlsplit

from archiver.extraction.text import clean, folded

Terms = tuple[str, ...]
Kind = Literal["category", "tag"]

# Folders and query keys of term listings, by kind.
_FOLDERS: dict[Kind, str] = {
    "category": (
        r"category|categories|cat|section|sections|topics?|channel|rubrik|rubriken|rubrique|rubriques|rubrica|rubric|"
        r"rubrics|rubrika|rubriki|rubrics?|razdel|categoria|categorias|categorie|categor[ií]as?|cat[ée]gories?|"
        r"secciones|seccion|sezione|sezioni|editoria|editorias|kategorie|kategorien|kategoriler|kategori|kategoria|"
        r"kategoriya|kategorii|ressort|dzial|chuyen-muc|danh-muc|sujet|fenlei|"
        r"קטגוריה|קטגוריות|תחום|تصنيف|التصنيف|قسم|القسم|أقسام|دسته|рубрика|рубрики|категория|категории|раздел|"
        r"分类|分類|カテゴリ|カテゴリー|카테고리"
    ),
    "tag": (
        r"tag|tags|label|labels|etiqueta|etiquetas|etiquette|etiquettes|etichetta|schlagwort|schlagworte|"
        r"schlagwoerter|stichwort|thema|themen|etiket|etiketler|mot-cle|mots-cles|keyword|keywords|hashtag|hashtags|"
        r"trefwoord|tagi|metka|metki|tegi?|the|tu-khoa|chu-de|biaoqian|argomento|argomenti|"
        r"תגית|תגיות|תג|וסמ?|وسم|الوسم|برچسب|метка|метки|тег|теги|标签|標籤|タグ|태그"
    ),
}
_QUERY: dict[Kind, str] = {"category": r"cat|category_name|category", "tag": r"tag|tag_id"}
_FOLDER = {kind: re.compile(names, re.IGNORECASE) for kind, names in _FOLDERS.items()}
_ADDRESS = {
    kind: re.compile(rf"/(?:{_FOLDERS[kind]})/[^/?]|[?&](?:{_QUERY[kind]})=[^&]", re.IGNORECASE) for kind in _FOLDERS
}
_ANCHOR = {kind: re.compile(rf"/(?:{_FOLDERS[kind]})(?:/|\.html?)?#.", re.IGNORECASE) for kind in _FOLDERS}

# What precedes terms, as a label or as the end of a sentence ("This entry was posted in").
_LABELS: dict[Kind, str] = {
    "category": (
        r"categor(?:y|ies)|(?:filed|posted|published|included) (?:in|under)|sections?|kategori(?:e|en|a|er|ler)?|"
        r"rubri(?:k|ken|c)|abgelegt (?:in|unter)|veröffentlicht (?:in|unter)|(?:dieser )?beitrag wurde unter|"
        r"cat[ée]gories?|rubriques?|class[ée] (?:dans|sous)|publi[ée] dans|categor[ií]as?|archivado en|publicado en|"
        r"publicad[ao] em|arquivado em|categori[ae]|pubblicato in|archiviato in|categorie[ëe]n|geplaatst in|"
        r"opublikowano w|zamieszczono w|рубрик[аи]|в рубрике|категори[яи]|разделы?|опубликовано в|рубрики|"
        r"chuyên mục|danh mục|đăng trong|thể loại|分类(?:于|目录)?|分類|栏目|所属(?:分类|栏目)|发表在|归档于|"
        r"カテゴリ(?:ー)?|카테고리|분류|(?:ال)?تصنيف(?:ات)?|(?:ال)?أقسام|القسم|نُ?شرت? في|קטגורי(?:ה|ות)|פורסם ב"
    ),
    "tag": (
        r"(?:and )?tagged(?: with| as)?|tags?|keywords?|hashtags?|labels?|topics?|related topics|"
        r"schlag(?:wort|worte|wörter)|stichw(?:ort|orte|örter)|themen|(?:und )?(?:verschlagwortet|getaggt) mit|"
        r"[ée]tiquettes?|mots[- ]cl[ée]s?|"
        r"(?:et )?(?:marqu[ée]|tagg?u?[ée]) (?:avec|comme)|etiquetas?|(?:y )?etiquetad[ao](?: como| con)?|"
        r"palabras clave|temas|palavras[- ]chave|(?:e )?marcad[ao] (?:com|como)?|assuntos|etichett[ae]|"
        r"(?:e )?(?:taggato|contrassegnato)(?: con| da)?|parole chiave|argomenti|trefwoord(?:en)?|"
        r"(?:en )?getagd(?: met)?|onderwerpen|tagi|słowa kluczowe|(?:i )?oznaczon[oy](?: jako)?|"
        r"(?:с )?метк(?:а|и|ами|ой)|тег(?:и|ами)?|ключевые слова|темы|etiket(?:ler)?(?:i)?|anahtar kelimeler|"
        r"từ khóa|thẻ|nhãn|chủ đề|标签(?:为)?|標籤|关键[词字]|關鍵字|タグ|キーワード|태그|키워드|(?:ال)?وسوم|"
        r"(?:ال)?كلمات (?:ال)?(?:مفتاحية|دلالية|دليلية)|مواضيع|תגי(?:ות|ם|ת)|תגים|מילות מפתח|נושאים|برچسب(?:‌?ها)?"
    ),
}
_LABEL_END = {
    kind: re.compile(
        rf"(?:^|(?P<gap>\s)|[|·•()\[\]（【/,，.。;:：—–-])(?P<label>{words})\s*(?P<colon>[:：])?\s*$", re.I
    )
    for kind, words in _LABELS.items()
}
_LABEL = re.compile(rf"^(?:{_LABELS['category']}|{_LABELS['tag']}|in|under|about)\s*[:：]?\s*$", re.IGNORECASE)

_COUNT = re.compile(r"\s*(?:[\(（\[]\s*\d[\d.,]*\s*[\)）\]]|[×x]\s*\d+)$")
_SIGN = re.compile(r"^[#＃]+\s*(?=\w)|^(?:tags?|标签|分类)\s*[:：]\s*(?=\S)", re.IGNORECASE)
_LEFT_OUT = " \t,;、·|/•，；›»«→←↑→▸–—"
_PLACE = re.compile(
    r"^(?:home|blog|all|all (?:posts|articles|news|topics|tags|categories)|news feed|archives?|startseite|accueil|"
    r"inicio|início|strona główna|главная|ana ?sayfa|trang chủ|首页|首頁|ホーム|トップ|홈|الرئيسية|דף הבית|ראשי)$",
    re.IGNORECASE,
)
_NOT_TERM = re.compile(
    r"^(?:edit|share|(?:see|view|show|browse)\s+all\b.*|"
    r"(?:read|learn|see|view|show|load|find out|discover|explore|shop|check|get|buy|click|continue|back|"
    r"return|browse|go|sign|log|subscribe|follow)\b(?:\s+(?:\S+\s+){0,3})?"
    r"(?:all|more\W*|now|here|less|price.*|deal|reviews?|tags?|categor\w+|reading|to .*|in|up|us|out)|"
    r"weiterlesen|mehr|alle (?:themen|beiträge)|lire la suite|voir (?:plus|tout(?:es)?)|"
    r"leer más|ver (?:más|todo[s]?)|leia mais|ver mais|leggi (?:tutto|di più)|"
    r"lees (?:meer|verder)|czytaj (?:więcej|dalej)|читать (?:далее|ещё|еще)|подробнее|"
    r"все (?:новости|записи|теги)|devamı(?:nı oku)?|tümü|xem thêm|đọc tiếp|tất cả|"
    r"阅读(?:全文|更多)|閱讀更多|更多|全部|続きを読む|もっと見る|一覧|더 ?보기|전체|"
    r"المزيد|اقرأ المزيد|الكل|עוד|קרא עוד|לכל הכתבות|"
    r"none|null|undefined|nan|n/a|\[?object object\]?|[\W_]+)$",
    re.IGNORECASE,
)
_MACHINE = re.compile(r"^(?:[a-z][a-z]*(?:[A-Z]\w*)+|[a-z][\w-]*[a-z])(?::\s+|=)\S")
_DAY = re.compile(
    r"^\W*(?:\w+\.?,?\s+)?(?:\d{1,2}(?:st|nd|rd|th)?\.?\s+(?:de\s+)?\w{3,}\.?,?\s+(?:de\s+)?\d{4}|"
    r"\w{3,}\.?\s+\d{1,2}(?:st|nd|rd|th)?,?\s+\d{4})\W*$"
)
_LONGEST = 80
_FOLDER_WORDS = """
post posts blog blogs blogpost article articles news page pages home story stories entry entries content archive
archives nachrichten noticias actualités actualites notizie artikel artikelen artigos новости статьи haberler
tin-tức bài-viết 文章 博客 首页 ブログ 블로그 أخبار الأخبار חדשות
"""
FOLDER_WORDS = frozenset(folded(w) for w in _FOLDER_WORDS.split())
"""Sections that only say that a page is a post."""


def term(text: str | None) -> str:
    """A term as shown, without its count, its "#" and separators; "" if the text is no term."""
    text = clean(text)
    if len(text) > 200:
        return ""
    text = _SIGN.sub("", _COUNT.sub("", text).strip(_LEFT_OUT)).strip(_LEFT_OUT)
    if not 0 < len(text) <= _LONGEST or _LABEL.match(text):
        return ""
    return "" if text.startswith(("http:", "https:", "www.")) else text


def is_term(text: str, sure: bool = False) -> bool:
    """Whether a text in the place of a term is one, and not a button or a day. A place of the site ("Home", "Blog")
    is a term only if it is `sure`ly used as one."""
    return bool(text) and not _NOT_TERM.match(text) and not _DAY.match(text) and (sure or not _PLACE.match(text))


def unique(found: Iterable[str]) -> Terms:
    """The terms among some texts, each once regardless of case and spacing, as first written."""
    out: dict[str, str] = {}
    for one in found:
        if text := term(one):
            out.setdefault(folded(text) or text, text)
    return tuple(out.values())


def listed(texts: Iterable[str]) -> list[str]:
    """The terms in texts that are lists: "a, b; c" and "a、b", without machine-readable keys ("contentId: 12")."""
    return [p for t in texts for p in re.split(r"\s*[,;，、；|]\s*", t) if not _MACHINE.match(p) and len(p) <= _LONGEST]


@lru_cache(maxsize=8_192)
def kind_of_address(href: str) -> Kind | None:
    """The kind of term listing that an address leads to, by a folder or a query key."""
    if len(href) > 500:
        return None
    path = unquote(href)
    found: dict[Kind, None] = {}
    for piece, after in pairwise(path.split("/")[1:]):
        if after and after[0] != "?":
            found.update(dict.fromkeys(_kinds_of_folder(piece)))
    if "=" in path or "#" in path:
        found.update((k, None) for k in _ADDRESS if _ADDRESS[k].search(path) or _ANCHOR[k].search(path))
    if len(found) == 2:  # "/category/tags/x": the last word decides
        return max(found, key=lambda k: max(m.start() for p in (_ADDRESS[k], _ANCHOR[k]) for m in p.finditer(path)))
    return next(iter(found), None)


@lru_cache(maxsize=8_192)
def _kinds_of_folder(name: str) -> tuple[Kind, ...]:
    return tuple(kind for kind, names in _FOLDER.items() if names.fullmatch(name))


def kind_of_label(text: str) -> Kind | None:
    """The kind of terms that the last words of a text introduce: "Filed under:", "This entry was posted in", "标签"."""
    text = clean(text)[-60:]
    for kind, words in _LABEL_END.items():
        # Within a line, a single word is a label only with a colon: "I like tags" introduces nothing.
        if (m := words.search(text)) and (not m["gap"] or m["colon"] or " " in m["label"] or m["label"] == "tagged"):
            return kind
    return None


@lru_cache(maxsize=8_192)
def slug_of(href: str) -> str:
    """The last folder of an address, decoded, which is a term's slug."""
    try:
        parts = urlsplit(href)
    except ValueError:
        return ""
    return unquote(parts.path.rstrip("/").rsplit("/", 1)[-1]).removesuffix(".html").lower()
