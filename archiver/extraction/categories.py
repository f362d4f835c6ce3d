"""Recognizes the links from a post to the listings of its categories and tags, by their address, rel, label or icon."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import islice, pairwise
from typing import Literal, NamedTuple
from urllib.parse import quote, unquote, urlsplit

from lxml.etree import _Element as Element
from slugify import slugify

from archiver.extraction.blocks import boilerplate_word
from archiver.extraction.candidates import resolve_terms
from archiver.extraction.date_parser import names_a_date
from archiver.extraction.normalization import CaselessPattern, clean_text, element_line, fold_text
from archiver.extraction.page import Page
from archiver.extraction.post_locator import Post, is_outside_posts, unshown_article
from archiver.model.items import LISTING, Candidate, SourceHint, is_from_api
from archiver.model.lazy_regex import lazy_regex
from archiver.platforms import by_name
from archiver.platforms.selector_index import Index, is_below

# Terms as text: the words in an address or a label that show the kind of a term, and texts that are not terms.

Terms = tuple[str, ...]
Kind = Literal["category", "tag"]

# The folders and query keys in the addresses of term listings, by kind.
_FOLDERS: dict[Kind, str] = {
    "category": (
        r"category|categories|cat|section|sections|topics?|channel|rubrik|rubriken|rubrique|rubriques|rubrica|rubric|"
        r"rubrics|rubrika|rubriki|rubrics?|razdel|categoria|categorias|categorie|categor[ií]as?|cat[ée]gories?|"
        r"secciones|seccion|sezione|sezioni|editoria|editorias|kategorie|kategorien|kategoriler|kategori|kategoria|"
        r"kategoriya|kategorii|ressort|dzial|chuyen-muc|danh-muc|sujet|fenlei|"
        r"קטגוריה|קטגוריות|תחום|تصنيف|التصنيف|قسم|القسم|أقسام|دسته|рубрика|рубрики|категория|категории|раздел|"
        r"分类|分類|カテゴリ|カテゴリー|카테고리|"
        r"rubriek|rubrieken|categorieen|kategorier|osasto|osastot|aihe|aiheet|rovat|rovatok|rubriky|dzialy|kategorija|"
        r"kategorije|categorii|sectiune|sectiuni|katigoria|κατηγορία|κατηγορίες|категорія|категорії|หมวดหมู่|श्रेणी|"
        r"বিভাগ|வகை|კატეგორია"
    ),
    "tag": (
        r"tag|tags|tagged|label|labels|etiqueta|etiquetas|etiquette|etiquettes|etichetta|schlagwort|schlagworte|"
        r"schlagwoerter|stichwort|thema|themen|etiket|etiketler|mot-cle|mots-cles|keyword|keywords|hashtag|hashtags|"
        r"trefwoord|tagi|metka|metki|tegi?|the|tu-khoa|chu-de|biaoqian|argomento|argomenti|"
        r"תגית|תגיות|תג|וסמ?|وسم|الوسم|برچسب|метка|метки|тег|теги|标签|標籤|タグ|태그|"
        r"etikett|etiketter|nyckelord|emneord|stikord|avainsana|avainsanat|cimke|cimkek|címke|címkék|stitek|stitky|"
        r"štítek|štítky|etykieta|etykiety|slowa-kluczowe|oznaka|oznake|eticheta|etichete|etiketa|ετικέτα|ετικέτες|"
        r"мітка|мітки|етикет|етикети|แท็ก|ป้ายกำกับ|टैग|ট্যাগ|குறிச்சொல்|თეგი"
    ),
}
_QUERY: dict[Kind, str] = {
    "category": r"cat|category_name|category|categoria|categorie|categor[ií]a|kategori[ae]?|rubri(?:k|ka|ca|que)|rovat",
    "tag": (
        r"tags?|tag_id|cimke|stitek|etiket|etiketa|etiqueta|etichetta|schlagwort|stichwort|metka|trefwoord|avainsana"
    ),
}
_FOLDER = {kind: lazy_regex(names, re.IGNORECASE) for kind, names in _FOLDERS.items()}
_ADDRESS = {
    kind: lazy_regex(rf"/(?:{_FOLDERS[kind]})/[^/?]|[?&](?:{_QUERY[kind]})=[^&]", re.IGNORECASE) for kind in _FOLDERS
}
_ANCHOR = {kind: lazy_regex(rf"/(?:{_FOLDERS[kind]})(?:/|\.html?)?#.", re.IGNORECASE) for kind in _FOLDERS}

# Folders that hold the categories of some sites and the tags of others, so that a label before the link decides.
_AMBIGUOUS = lazy_regex(
    r"/(?:topics?|themas?|themen|temas?|sujets?|chu-de|argoment[oi]|labels?|channel)/[^/?]", re.IGNORECASE
)

# Words that precede terms: labels, and the ends of sentences ("This entry was posted in").
_LABELS: dict[Kind, str] = {
    "category": (
        r"categor(?:y|ies)|(?:filed|posted|published|included) (?:in|under)|sections?|kategori(?:e|en|a|er|ler)?|"
        r"rubri(?:k|ken|c)|abgelegt (?:in|unter)|veröffentlicht (?:in|unter)|(?:dieser )?beitrag wurde unter|"
        r"cat[ée]gories?|rubriques?|class[ée] (?:dans|sous)|publi[ée] dans|categor[ií]as?|archivado en|publicado en|"
        r"publicad[ao] em|arquivado em|categori[ae]|pubblicato in|archiviato in|categorie[ëe]n|geplaatst in|"
        r"opublikowano w|zamieszczono w|рубрик[аи]|в рубрике|категори[яи]|разделы?|опубликовано в|рубрики|"
        r"chuyên mục|danh mục|đăng trong|thể loại|分类(?:于|目录)?|分類|栏目|所属(?:分类|栏目)|发表在|归档于|"
        r"rubrieken|rovat(?:ok)?|rubriky|osastot?|categorii|κατηγορί(?:α|ες)|категорі[яї]|หมวดหมู่|श्रेणी|বিভাগ|"
        r"வகைகள்|კატეგორია|دسته(?:‌?بندی)?|"
        r"カテゴリ(?:ー)?|카테고리|분류|(?:ال)?تصنيف(?:ات)?|(?:ال)?أقسام|القسم|نُ?شرت? في|קטגורי(?:ה|ות)|פורסם ב|"
        r"(?:in|from|under) (?:the |our )?(?:section|category|rubric|column)|"
        r"(?:listed|archived|categori[sz]ed) (?:in|under|as)|"
        r"(?:in|aus|unter) der (?:rubrik|kategorie)|(?:im|aus dem) ressort|(?:einsortiert|eingeordnet) (?:in|unter)|"
        r"dans (?:la |notre )?(?:rubrique|cat[ée]gorie|section)|rang[ée]e? dans|en (?:la )?(?:secci[óo]n|categor[íi]a)|"
        r"(?:na|em) (?:se[cç]?ção|categoria|rubrica|editoria)|nella (?:rubrica|categoria|sezione)|"
        r"in de (?:rubriek|categorie)|w (?:dziale|kategorii|rubryce)|v (?:rubrice|rubrike|kategorii|kategórii|sekci)|"
        r"publikov[aá]no v|i (?:kategorin|kategorien|avdelningen|rubrikken)|"
        r"(?:publicerat|publisert|udgivet|arkiverat) (?:i|under)|"
        r"kategoriassa|osastossa|luokassa|kategória|în (?:categoria|secțiunea|rubrica)|publicat în|"
        r"u (?:rubrici|kategoriji)|objavljeno u|в (?:разделе|категории)|"
        r"опубліковано [ву]|[ву] (?:розділі|рубриці|категорії)|"
        r"в (?:раздел|рубрика|категория)|публикувано в|στην (?:κατηγορία|ενότητα)|δημοσιεύτηκε σ(?:ε|την|το)|"
        r"(?:trong|thuộc|ở)(?: chuyên)? mục|trong (?:chuyên|danh) mục|thuộc (?:thể loại|danh mục)|"
        r"(?:dalam|di) (?:kategori|rubrik)|收[录錄][于於]|归入|歸入|归类[于於]?|(?:في|ضمن) (?:قسم|تصنيف|باب)|"
        r"ב(?:מדור|קטגוריי?[הת])|מדור|در (?:بخش|دسته)(?:‌?بندی)?|ใน(?:หมวดหมู่|หมวด)|კატეგორიაში|რუბრიკა(?:ში)?"
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
        r"nyckelord|etiketter|emneord|stikord|avainsan(?:a|at)|asiasanat|címk(?:e|ék)|kulcssz(?:ó|avak)|štítk[yů]|"
        r"klíčová slova|oznake|etichete|cuvinte[- ]cheie|ετικ[έε]τ(?:α|ες)|мітк[аи]|ключові слова|етикети|"
        r"ключови думи|ແທັກ|ປ້າຍກຳກັບ|แท็ก|ป้ายกำกับ|टैग|ট্যাগ|লেবেল|லேபிள்கள்|குறிச்சொற்கள்|თეგები|"
        r"関連(?:トピックス?|タグ|ワード|キーワード)|"
        r"từ khóa|thẻ|nhãn|chủ đề|标签(?:为)?|標籤|关键[词字]|關鍵字|タグ|キーワード|태그|키워드|(?:ال)?وسوم|"
        r"(?:ال)?كلمات (?:ال)?(?:مفتاحية|دلالية|دليلية)|مواضيع|תגי(?:ות|ם|ת)|תגים|מילות מפתח|נושאים|برچسب(?:‌?ها)?"
    ),
}
_LABEL_END = {
    kind: lazy_regex(
        rf"(?:^|(?P<gap>\s)|[|·•()\[\]（【/,，.。;:：—–-])(?P<label>{words})\s*(?P<colon>[:：])?\s*$", re.I
    )
    for kind, words in _LABELS.items()
}
_LABEL = CaselessPattern(rf"^(?:{_LABELS['category']}|{_LABELS['tag']}|in|under)\s*[:：]?\s*$")

_COUNT = lazy_regex(r"\s*(?:[\(（\[]\s*\d[\d.,]*\s*[\)）\]]|[×x]\s*\d+)$")
_DIGIT = lazy_regex(r"\d")
_SIGN = lazy_regex(r"^[#＃]+\s*(?=\w)|^(?:tags?|标签|分类)\s*[:：]\s*(?=\S)", re.IGNORECASE)
_LEFT_OUT = " \t,;、·|/•，；›»«→←↑→▸–—"
_PLACE = lazy_regex(
    r"^(?:home|blog|all|all (?:posts|articles|news|topics|tags|categories)|news feed|archives?|startseite|accueil|"
    r"inicio|início|strona główna|главная|ana ?sayfa|trang chủ|首页|首頁|ホーム|トップ|홈|الرئيسية|דף הבית|ראשי|"
    r"home ?page|portada|página (?:inicial|principal)|pagina principale|voorpagina|hem|forsiden?|hjem|etusivu|"
    r"főoldal|címlap|úvod|domů|domov|naslovnica|početna|acasă|prima pagină|головна|начало|αρχική|beranda|หน้าแรก|"
    r"होम|मुखपृष्ठ|প্রচ্ছদ|হোম|முகப்பு|خانه|صفحه (?:اصلی|نخست)|მთავარი)$",
    re.IGNORECASE,
)
_NOT_TERM = CaselessPattern(
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
)
_MACHINE = lazy_regex(
    r"^(?:[a-z][a-z]*(?:[A-Z]\w*)+|[a-z][\w-]*[a-z])(?::\s+|=)\S|^[A-Za-z]\w*:(?:true|false|null|none|\d+)$"
)
_DAY = lazy_regex(
    r"^\W*(?:\w+\.?,?\s+)?(?:\d{1,2}(?:st|nd|rd|th)?\.?\s+(?:de\s+)?\w{3,}\.?,?\s+(?:de\s+)?\d{4}|"
    r"\w{3,}\.?\s+\d{1,2}(?:st|nd|rd|th)?,?\s+\d{4})\W*$"
)
_MAX_LENGTH = 80
_MAX_LINE_LENGTH = 200
_FOLDER_WORDS = """
post posts blog blogs blogpost article articles news page pages home story stories entry entries content archive
archives nachrichten noticias actualités actualites notizie artikel artikelen artigos новости статьи haberler
tin-tức bài-viết 文章 博客 首页 ブログ 블로그 أخبار الأخبار חדשות
"""
FOLDER_WORDS = frozenset(fold_text(w) for w in _FOLDER_WORDS.split())
"""Names of folders and sections, such as "posts", that only say that a page is a post. They are not categories."""


def clean_term(text: str | None) -> str:
    """Returns the name of a category or tag without the number of its posts, "#" and separators; "" if the text cannot
    be such a name.
    """
    text = clean_text(text)
    return _clean_term(text) if len(text) <= _MAX_LINE_LENGTH else ""


@lru_cache(maxsize=2_048)  # the pages of a site share most of their terms
def _clean_term(text: str) -> str:
    text = _SIGN.sub("", _COUNT.sub("", text).strip(_LEFT_OUT)).strip(_LEFT_OUT)
    if not 0 < len(text) <= _MAX_LENGTH or _LABEL.match(text):
        return ""
    return "" if text.startswith(("http:", "https:", "www.")) else text


def is_term(text: str, sure: bool = False) -> bool:
    """Returns True if the text of a link can be the name of a category or tag, and is not that of a button or a date.
    The name of a part of the site ("Home", "Blog") counts only if the link is `sure` to lead to a category or tag.
    """
    return bool(text) and not _NOT_TERM.match(text) and not _DAY.match(text) and (sure or not _PLACE.match(text))


def is_home(text: str) -> bool:
    """Returns True if the text of a link is a common name for a home page, such as "Home" or "首页"."""
    return bool(_PLACE.match(text))


def unique_terms(found: Iterable[str]) -> Terms:
    """Returns the texts that are categories or tags. If several differ only in case or spacing, returns only the first
    of them.
    """
    out: dict[str, str] = {}
    for one in found:
        if text := clean_term(one):
            out.setdefault(fold_text(text) or text, text)
    return tuple(out.values())


def texts_of_links(el: Element) -> list[str]:
    """Returns the texts of the links in an element that contains terms. If it contains no links, returns the texts of
    its items (see `texts_of_items`). Text between and after the links is not part of a term.
    """
    if el.tag == "a":
        return [text_of_term_link(el)]
    return [text for a in el.iter("a") if (text := text_of_term_link(a))] or texts_of_items(el)


def text_of_term_link(el: Element) -> str:
    """Returns the text of a link to a category or tag, without the number of its posts if that is in an element at the
    end of the link.
    """
    text = element_line(el)
    if not text or not text[-1].isdecimal() or not len(el):
        return text
    last = el
    while len(last) and not (last[-1].tail or "").strip():
        last = last[-1]
    count = element_line(last) if last is not el else ""
    return text[: -len(count)].rstrip() if count.isdecimal() and len(count) < len(text) else text


def texts_of_items(el: Element) -> list[str]:
    """Returns the texts of the terms in an element without links: its list items, or else its child elements if it has
    several and no other text, or else its whole text.
    """
    items = [element_line(item) for item in islice(el.iter("li"), _MAX_ITEMS)]
    if items:
        return items
    parts = [child for child in islice(el, _MAX_ITEMS) if isinstance(child.tag, str) and child.tag != "br"]
    outside = (el.text, *(child.tail for child in el))
    if len(parts) > 1 and not any(_text_unless_separator(text) for text in outside):
        return list(filter(None, map(element_line, parts)))
    return [element_line(el)]


def terms_in_lists(texts: Iterable[str]) -> list[str]:
    """Splits lists of categories or tags ("a, b; c", "a、b"). Drops machine-readable keys ("contentId: 12",
    "Lite:true").
    """
    return [
        p for t in texts for p in re.split(r"\s*[,;，、；|]\s*", t) if not _MACHINE.match(p) and len(p) <= _MAX_LENGTH
    ]


@lru_cache(maxsize=8_192)
def kind_of_address(href: str) -> Kind | None:
    """Returns "category" or "tag" if an address has a folder or query key of their listings, such as /category/news or
    ?tag=sea; otherwise None.
    """
    if len(href) > 500:
        return None
    path = unquote(href)
    found: dict[Kind, None] = {}
    for piece, after in pairwise(path.split("/")[1:]):
        if after and after[0] != "?":
            found.update(dict.fromkeys(_kinds_of_folder(piece)))
    if "=" in path or "#" in path:
        found.update((k, None) for k in _ADDRESS if _ADDRESS[k].search(path) or _ANCHOR[k].search(path))
    if len(found) == 2:  # the address contains both kinds, as in "/category/tags/x", so the last word decides
        return max(found, key=lambda k: max(m.start() for p in (_ADDRESS[k], _ANCHOR[k]) for m in p.finditer(path)))
    return next(iter(found), None)


@lru_cache(maxsize=8_192)
def _kinds_of_folder(name: str) -> tuple[Kind, ...]:
    return tuple(kind for kind, names in _FOLDER.items() if names.fullmatch(name))


def kind_of_label(text: str) -> Kind | None:
    """Returns "category" or "tag" if a text ends with a label for them ("Filed under:", "Tags:"); otherwise None."""
    return _kind_of_end(clean_text(text)[-60:])


@lru_cache(maxsize=8_192)
def _kind_of_end(text: str) -> Kind | None:
    for kind, words in _LABEL_END.items():
        # A single word at the end of a line is a label only if it has a colon. "I like tags" does not introduce tags.
        if (m := words.search(text)) and (not m["gap"] or m["colon"] or " " in m["label"] or m["label"] == "tagged"):
            return kind
    return None


@lru_cache(maxsize=8_192)
def slug_of(href: str) -> str:
    """Returns the last segment of an address, decoded. For the address of a category or tag, this is its slug."""
    try:
        parts = urlsplit(href)
    except ValueError:
        return ""
    return unquote(parts.path.rstrip("/").rsplit("/", 1)[-1]).removesuffix(".html").lower()


_BLOCKS = frozenset(
    (
        "p",
        "div",
        "li",
        "ul",
        "ol",
        "td",
        "tr",
        "section",
        "article",
        "header",
        "footer",
        "dd",
        "dt",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "blockquote",
        "main",
        "body",
        "figure",
        "figcaption",
        "aside",
        "nav",
        "pre",
    )
)
_HEADINGS = frozenset(("h1", "h2", "h3", "h4", "h5", "h6", "summary", "legend"))
_BETWEEN = lazy_regex(r"[\s,;、，/|·•&+>»#›:：()\[\]（）-]*|\s*(?:and|und|y|e|et|en|i|и|ve|và|と|و|ו)\s*", re.I)
_ICON: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    ("category", lazy_regex(r"(?:^|[\s_-])(?:folder|folders|category|categories|categor\w+)(?:$|[\s_-])", re.I)),
    ("tag", lazy_regex(r"(?:^|[\s_-])(?:tag|tags|hashtag|label|labels|price-?tags?|keyword)(?:$|[\s_-])", re.I)),
)
_MAX_ITEMS = 60
_PAGED = lazy_regex(r"/page/?\d+|[?&]paged?=\d+|/feed/?$", re.IGNORECASE)
_MOST_LISTED_LINKS = 400
_MANY_COUNTED = 5
"""If at least this many terms in one list are shown with the number of their posts, they are terms of the whole site
and not of one post.
"""
_WORDS_AROUND = 110
"""A line with a post's terms contains at most this many characters besides the links. A paragraph of the text contains
more."""
_CLIMB = 3
_TOPICS = 2
"""If at least this many links to topics follow the text, they are tags even without a label: a post is in one section,
but about several topics."""
_BELOW, _MAX_LAST = 200, 30
"""The tags of a post may be in the first `_BELOW` elements after it, in the last `_BELOW` elements of its text, or in
the last `_MAX_LAST` links in these elements."""
_TERM_RELS = frozenset(("tag", "category"))
_OF_THE_SITE = lazy_regex(
    r"(?:trending|popular|hot|top|all|most used|featured|explore)\s+(?:tags?|topics?|categories|labels|keywords)|"
    r"(?:tag|word|label) ?cloud|(?:beliebte|alle) (?:tags|themen|schlagw[oö]rter)|schlagw[oö]rter-?wolke|"
    r"(?:tags|sujets|mots-clés) populaires|nuage de (?:tags|mots-clés)|(?:etiquetas|temas|tags) populares|"
    r"nube de (?:etiquetas|tags)|nuvem de (?:tags|etiquetas)|tag popolari|nuvola di tag|"
    r"popula(?:i)?re (?:tags|onderwerpen)|tagwolk|(?:chmura|popularne) tag(?:ów|i)|populära taggar|taggmoln|"
    r"populære (?:tags|emneord|stikord)|(?:tag|emneord)sky|suositut avainsanat|avainsanapilvi|"
    r"címkefelhő|népszerű címkék|oblíbené štítky|oblak (?:štítků|oznaka|značiek)|etichete populare|nor de etichete|"
    r"etiket bulutu|popüler etiketler|(?:từ khóa|thẻ|chủ đề) (?:nổi bật|phổ biến|hot|được quan tâm)|đám mây thẻ|"
    r"(?:tag|topik|label) (?:populer|terpopuler)|awan tag|δημοφιλείς ετικέτες|σύννεφο ετικετών|"
    r"популярные (?:теги|метки|темы)|облако (?:тегов|меток)|популярні (?:теги|мітки)|хмара (?:тегів|міток)|"
    r"облак (?:от )?(?:етикети|тагове|ознака)|热门标签|热门话题|标签云|熱門標籤|標籤雲|"
    r"人気(?:の)?タグ|タグクラウド|인기 태그|태그 클라우드|الوسوم الشائعة|سحابة الوسوم|ابر برچسب(?:‌?ها)?|"
    r"ענן (?:ה)?תגיות|תגיות פופולריות|แท็กยอดนิยม|लोकप्रिय टैग|জনপ্রিয় ট্যাগ|பிரபலமான குறிச்சொற்கள்|"
    r"პოპულარული თეგები|თეგების ღრუბელი",
    re.IGNORECASE,
)
"""Matches a heading above a list of all terms of the site, such as "Popular tags"."""
_CLOUD_NAME = lazy_regex(
    r"(?:^|[\s_-])(?:(?:tag|label|word|term|topic)s?[_-]?cloud|cloud[_-]?tags?|nuage|tagwolke|tagwolk|etiketbulutu)"
    r"(?:$|[\s_-])",
    re.IGNORECASE,
)
"""Matches the class or id of a tag cloud, which shows the terms of the whole site, the frequent ones larger than the
others."""
_SIZE = lazy_regex(
    r"font-size\s*:\s*([^;]+)|(?:^|[\s_-])((?:size|level|weight|scale|popularity|cloud|fs)[_-]?\d+|"
    r"(?:x+-?|very-?|not-?)?(?:small|large|popular)(?:er|est)?|smallest|largest|medium)(?=$|\s)",
    re.IGNORECASE,
)
"""Matches the size of a link in a tag cloud, in its style or class."""
_IN_CLOUD = 3
"""A tag cloud has at least this many links."""
_MANY_TERMS = 25
"""This many terms without a label are those of the whole site, unless they are in an element marked as a post."""
_INNER = frozenset(("li", "span", "font", "b", "strong", "small", "big", "em", "i", "dd", "td", "h4", "h5", "h6"))
_ICON_TAGS = ("i", "svg", "span", "img")


@dataclass(frozen=True, slots=True)
class TermLink:
    """A link to the listing of a category or tag.

    `sure` is True if its rel or address shows its kind, and False if only a preceding label or icon shows it.
    """

    text: str
    href: str
    kind: Kind
    sure: bool


def term_links(page: Page, post: Post, *, with_tags: bool = True) -> list[TermLink]:
    """Returns the links to the post's own categories and tags, in document order, without those in its text.

    If no category is found, a link with a label at the end of the post's text is used. If no tags are found and
    `with_tags` is True, tags are also looked for right below the element that contains the post, and then at the end of
    its text. In the text, a link counts only if it has a label or rel="tag".
    """
    found = post.answers.get("term links")
    if found is None:
        found = post.answers["term links"] = _Links(page, post).terms(_links_in_holder(page, post))
    found = found[:]
    if not any(x.kind == "category" for x in found):
        last = _last_links(page, post)
        lines = {a.getparent() for a in last if _is_labelled_category(page, a)}
        links = (a for a in last if a.getparent() in lines)
        found += [x for x in _Links(page, post, strict=True).terms(links) if x.kind == "category"]
    if not with_tags:
        return found
    for links_after, strict in ((_links_below(page, post), False), (_last_links(page, post), True)):
        if any(x.kind == "tag" for x in found):
            break
        found += [x for x in _Links(page, post, strict).terms(links_after) if x.kind == "tag"]
    return found


class _Links:
    """Decides for each of several links, in order, whether it leads to a category, to a tag or to neither.

    If `strict` is True, the address is not enough to recognize a term: it must have a label, an icon or rel="tag".
    """

    def __init__(self, page: Page, post: Post, strict: bool = False) -> None:
        self.page, self.post, self.strict = page, post, strict
        self.own_kind = kind_of_address(urlsplit(page.url).path)
        self.previous: tuple[Element, Kind] | None = None
        self.prose: dict[Element, bool] = {}
        self.unlabelled: set[Element] = set()
        """The links without a label whose address leads to a category on some sites and to a tag on others."""

    def terms(self, links: Iterable[Element]) -> list[TermLink]:
        links = list(links)
        possible = [a for a in links if self._may_be_term(a)]
        lists = {a: around for a in possible if (around := _list_with_counts(a)) is not None}
        counted = Counter(map(_list_with_counts, links)) if lists else {}
        found = [
            (a, one)
            for a in possible
            if not (a in lists and _is_counted_list(lists[a], counted[lists[a]])) and (one := self._term(a)) is not None
        ]
        if len(found) >= _IN_CLOUD:
            of_site = self._in_clouds([a for a, _ in found])
            found = [(a, one) for a, one in found if a not in of_site]
        topics = {a for a, _ in found if a in self.unlabelled and self._is_below_text(a)}
        if len(topics) < _TOPICS:
            return [one for _, one in found]
        return [replace(one, kind="tag") if a in topics else one for a, one in found]

    def _in_clouds(self, links: Iterable[Element]) -> set[Element]:
        """Returns the links that are in a block with the terms of the whole site, such as a tag cloud."""
        blocks: dict[Element | None, list[Element]] = {}
        for a in links:
            blocks.setdefault(_block_of_terms(a), []).append(a)
        own = [{a.get("href") for a in some} for some in blocks.values() if _is_labelled(some)]
        clouds = ((b, some) for b, some in blocks.items() if b is not None and len(some) >= _IN_CLOUD)
        return {a for b, some in clouds if self._is_cloud(b, some) or _has_all_and_more(b, some, own) for a in some}

    def _is_cloud(self, block: Element, links: Sequence[Element]) -> bool:
        """Returns True if a block contains the terms of the whole site. Signs are links (`links`) of different sizes,
        or its heading. If the block is not in an element marked as a post, its class or the number of its links may
        also show it.
        """
        if len(set(filter(None, map(_size_in_cloud, links)))) > 1:
            return True
        headings = (block.getprevious(), next(block.iterchildren("*"), None))
        if any(h is not None and _OF_THE_SITE.fullmatch(clean_text(h.text).strip(" :：")) for h in headings):
            return True
        if not is_outside_posts(block):
            return False
        names = (f"{e.get('class') or ''} {e.get('id') or ''}" for e in (block, block.getparent()) if e is not None)
        if any(map(_CLOUD_NAME.search, names)):
            return True
        return len(links) >= _MANY_TERMS and not _is_labelled(links)

    def _is_below_text(self, a: Element) -> bool:
        index, body = self.page.index, self.post.body
        return body is not None and index.order[a] >= index.end(body)

    def _may_be_term(self, a: Element) -> bool:
        """Returns False if a link certainly does not lead to a category or tag. Such a link is ignored when the next
        link is judged.
        """
        href = a.get("href") or ""
        if len(href) > 500:
            return False
        if "tag" not in _rel(a) and (
            (not self.strict and self.post.body is self.post.holder) or not is_own_site(self.page, href)
        ):
            return False
        return not _PAGED.search(href)

    def _term(self, a: Element) -> TermLink | None:
        href, rel = a.get("href") or "", _rel(a)
        kind = self._declared_kind(href, rel)
        sure = kind is not None
        if (kind is None or (self.strict and "tag" not in rel)) and not _is_address_of_author(href):
            kind = _kind_before(a, self.previous)
        elif kind is not None and _TERM_RELS.isdisjoint(rel) and _AMBIGUOUS.search(href):
            labelled = _kind_before(a, self.previous)
            if labelled is None or (self.previous is not None and self.previous[0] in self.unlabelled):
                self.unlabelled.add(a)
            kind = labelled or kind
        if kind is None or self.post.is_noise(a):
            self.previous = None
            return None
        if _TERM_RELS.isdisjoint(rel) and is_in_prose(a, self.prose):
            return None
        if not is_term(text := clean_term(text_of_term_link(a)), sure):
            return None
        self.previous = (a, kind)
        return TermLink(text, href, kind, sure)

    def _declared_kind(self, href: str, rel: frozenset[str]) -> Kind | None:
        """Returns "category" or "tag" if a link's rel or address shows the kind; otherwise None.

        A folder that usually contains terms does not count if the site's posts are also in it.
        """
        if "category" in rel:
            return "category"
        kind = kind_of_address(href)
        if kind == self.own_kind and "tag" not in rel:
            kind = None
        return kind or ("tag" if "tag" in rel else None)


def _is_labelled(links: Sequence[Element]) -> bool:
    return kind_of_label(_text_of_label(links[0])) is not None


def _has_all_and_more(block: Element, links: Sequence[Element], own: Iterable[set[str | None]]) -> bool:
    """Returns True if a block without a label links to all terms of a labelled row and to others. The row then has the
    terms of the post, and the block those of the site. Returns False for a block in an element marked as a post.

    `own` are the addresses in each labelled row.
    """
    here = {a.get("href") for a in links}
    return any(row < here for row in own) and not _is_labelled(links) and is_outside_posts(block)


def _block_of_terms(a: Element) -> Element | None:
    """Returns the element that contains a link and the links beside it."""
    at = a.getparent()
    while at is not None and at.tag in _INNER and len(at) == 1:
        at = at.getparent()
    return at


def _size_in_cloud(a: Element) -> str:
    """Returns the size of a link, as its style or class or that of its list item gives it; "" if they give none."""
    item = a.getparent()
    alone = item is not None and item.tag in _INNER and len(item) == 1
    for el in (a, item) if alone and item is not None else (a,):
        for value in (el.get("style"), el.get("class")):
            if value and (m := _SIZE.search(value)):
                return clean_text(m[1] or m[2]).lower()
    return ""


def _text_of_label(a: Element) -> str:
    """Returns the text that directly precedes a link in its line; "" if there is none."""
    before = text_before(a, None)
    return before if isinstance(before, str) else ""


def _rel(a: Element) -> frozenset[str]:
    return frozenset((a.get("rel") or "").lower().split())


def _list_with_counts(a: Element) -> Element | None:
    """Returns the list around a link if its list item also contains the number of posts, as in "Walks (8)"; otherwise
    None.
    """
    item = a.getparent()
    around = item.getparent() if item is not None and item.tag == "li" else None
    if item is None or around is None:
        return None
    has_digit = any(map(_DIGIT.search, item.itertext()))  # type: ignore[arg-type]
    return around if has_digit and _COUNT.search(f" {element_line(item)}") else None


def _is_counted_list(around: Element, counted: int) -> bool:
    """Returns True if a list contains the terms of the whole site, because many of its terms (`counted`) are shown with
    the number of their posts, or because all are and a heading precedes the list.
    """
    if counted >= _MANY_COUNTED:
        return True
    before = around.getprevious()
    return before is not None and before.tag in _HEADINGS and 1 < counted == len(around)


def has_count(text: str) -> bool:
    """Returns True if a text ends with the number of posts of a term or an author, as in "Walks (8)"."""
    return bool(text) and _COUNT.search(text) is not None


def _kind_before(a: Element, previous: tuple[Element, Kind] | None) -> Kind | None:
    """Returns "category" or "tag" if what precedes a link shows this: a label, an icon, or `previous`, the link before
    it with its kind. Otherwise returns None.
    """
    before = text_before(a, previous[0] if previous else None)
    if before is None:
        return previous[1] if previous is not None else None
    return kind_of_label(before) if isinstance(before, str) else _kind_of_icon(before)


def _links_in_holder(page: Page, post: Post) -> Iterator[Element]:
    """Yields links in the element that contains the post (the holder), but not in the body, up to a maximum number.
    Links in the post's meta blocks and own sidebars come first.
    """
    if post.holder is None:
        return
    order = page.index.order
    for block in (*post.meta_blocks, *post.sidebars):
        yield from (a for a in block.iter("a") if a.get("href"))
    first, last = _position_range(page.index, post.holder)
    begin, end = (
        _position_range(page.index, post.body) if post.body is not None and post.body is not post.holder else (0, 0)
    )
    count = 0
    for a in page.index.tag("a"):
        at = order[a]
        if at > last or count > _MOST_LISTED_LINKS:
            return
        if at >= first and not begin <= at < end and a.get("href"):
            count += 1
            yield a


def _links_below(page: Page, post: Post) -> Iterator[Element]:
    """Yields the links after the holder (the element that contains the post) in its parent and grandparent, up to the
    heading of the next post.
    """
    if post.holder is None or post.holder.tag in ("body", "main", "html"):
        return
    around = post.holder.getparent()
    above = around.getparent() if around is not None else None
    top = above if above is not None and above.tag not in ("body", "html") else around
    if top is None:
        return
    for el in islice(_elements_after(post.holder, top), _BELOW):
        if _OF_THE_SITE.fullmatch((el.text or "").strip()[:_MAX_LENGTH]):
            return
        if el.tag == "a" and el.get("href"):
            if any(p.tag in _HEADINGS for p in islice(el.iterancestors(), 3)):
                return
            yield el


def _elements_after(el: Element, top: Element) -> Iterator[Element]:
    """Yields the elements after `el` within `top`, in document order."""
    while el is not top:
        for sibling in el.itersiblings("*"):
            yield from sibling.iter("*")
        parent = el.getparent()
        if parent is None:
            return
        el = parent


def _last_links(page: Page, post: Post) -> list[Element]:
    """Returns the links in the last elements of the post's text, up to a maximum number."""
    if post.body is None:
        return []
    order = page.index.order
    begin, end = _position_range(page.index, post.body)
    begin = max(begin, end - _BELOW)
    return [a for a in page.index.tag("a") if begin <= order[a] < end and a.get("href")][-_MAX_LAST:]


def _is_labelled_category(page: Page, a: Element) -> bool:
    """Returns True if a label such as "Filed under" precedes a link, and the site uses the link's address for a
    section. This is so if the address contains "category" or a similar word, if it is a folder that contains the page,
    or if another link, in a menu, has it, too.
    """
    if kind_of_label(_text_of_label(a)) != "category":
        return False
    href = a.get("href") or ""
    if kind_of_address(href) == "category":
        return True
    folder = urlsplit(page.join(href) or "").path.rstrip("/")
    if folder and page.path.startswith(f"{folder}/"):
        return True
    return sum(one.get("href") == href for one in page.index.tag("a")[:_MOST_LISTED_LINKS]) > 1


def _position_range(index: Index, el: Element) -> tuple[int, int]:
    """Returns the range of positions in the document of an element and its descendants, as (first, end)."""
    return index.order[el], index.end(el)


def is_own_site(page: Page, href: str) -> bool:
    """Returns True if an address belongs to the page's own site, because it is relative, or on the same host, a
    subdomain or a parent domain.
    """
    if "//" not in href[:10]:
        return not href.startswith(("#", "mailto:", "javascript:", "tel:"))
    own, canonical, beginnings = page.hosts
    if href.startswith(beginnings):
        return True
    try:
        host = (urlsplit(href).hostname or "").removeprefix("www.")
    except ValueError:
        return False
    return host in (own, canonical) or (host.count(".") >= 1 and own.endswith("." + host)) or host.endswith("." + own)


def _is_address_of_author(href: str) -> bool:
    return "/author/" in href or "/user" in href or "#comment" in href or "#respond" in href


def text_before(a: Element, previous: Element | None) -> str | Element | None:
    """Returns what directly precedes a link in its line, ignoring separators: a text ("" if there is nothing), or an
    element without text (an icon). Returns None if the link `previous` directly precedes it.
    """
    at = a
    for _ in range(_CLIMB):
        if found := _before_among_siblings(at, previous):
            return found.what
        parent = at.getparent()
        if parent is None or not isinstance(parent.tag, str):
            return ""
        if text := _text_unless_separator(parent.text):
            return text
        at = parent
    return ""


class _Preceding(NamedTuple):
    """A wrapper for what `text_before` returns, so that its None (a link precedes) differs from the absence of a
    result.
    """

    what: str | Element | None


def _text_unless_separator(text: str | None) -> str:
    """Returns a cleaned text; "" if the text is only a separator."""
    text = clean_text(text)
    return "" if _BETWEEN.fullmatch(text) else text


def _before_among_siblings(at: Element, previous: Element | None) -> _Preceding | None:
    """Returns what the nearest siblings before an element contain; None if there are none, or if they are empty.
    `previous` is the previous link, None if there is none; what precedes it is not read.
    """
    sibling = at.getprevious()
    for _ in range(_CLIMB):
        if sibling is None:
            break
        if tail := _text_unless_separator(sibling.tail):
            return _Preceding(tail)
        inside = _first_descendants(sibling)
        if previous is not None and (sibling is previous or any(e is previous for e in inside)):
            return _Preceding(None)
        if not isinstance(sibling.tag, str) or any(e.tag == "a" for e in inside):
            return _Preceding("")
        text_inside = clean_text(" ".join(t for e in inside for t in (e.text, e.tail if e is not sibling else "") if t))
        if text := _text_unless_separator(text_inside):
            # A heading "Categories" is above a list of all categories of the site, not above the categories of the
            # post.
            return _Preceding(text if sibling.tag not in _HEADINGS or kind_of_label(text) == "tag" else "")
        if not text_inside and sibling.tag in _ICON_TAGS:
            return _Preceding(sibling)
        sibling = sibling.getprevious()
    return None


def _first_descendants(el: Element) -> list[Element]:
    """Returns an element and its first descendants, 12 elements in all. A label or an icon has no more."""
    return list(islice(el.iter("*"), 12))


def _kind_of_icon(el: Element) -> Kind | None:
    names = " ".join(v for e in islice(el.iter("*"), 4) for v in map(str, e.attrib.values()))[:300]
    return next((kind for kind, words in _ICON if words.search(names.replace("#", " "))), None)


def is_in_prose(el: Element, known: dict[Element, bool]) -> bool:
    """Returns True if a link is in a sentence, because the block around it contains much text besides links. `known`
    caches results by block.
    """
    at = el
    while at.tag not in _BLOCKS and (parent := at.getparent()) is not None:
        at = parent
    if at not in known:
        length = len((at.text or "").strip())
        for child in islice(at, 200):
            length += len((child.tail or "").strip())
            if child.tag not in _BLOCKS and child.tag != "a" and next(child.iter("a"), None) is None:
                length += sum(len(t.strip()) for t in islice(child.itertext(), 50))
        known[at] = length > _WORDS_AROUND
    return known[at]


# The categories that a listing shows for its entries.

_ENTRY_DEPTH = 12
_MOST_OF_ENTRY = 5
_MOST_HEADINGS = 5
_BETWEEN_ENTRIES = frozenset(("article", "nav", "aside", "body", "html"))
"""The tags of elements that are larger than one entry of a listing. Links in them that are in no entry belong to the
site."""
_BESIDE_LIST = frozenset(("nav", "aside", "footer"))

Entries = Sequence[tuple[Element, str]]
"""Links to the posts that a listing shows, or elements around such links, each with the address of the post."""


def entries_of_listing(titles: Entries, others: Entries) -> list[tuple[Element, str]]:
    """Returns the entries of a listing: those with a linked title (`titles`), and each <article> without one whose
    other links that may lead to posts (`others`) all lead to the same post.
    """
    titled = {_article_around(element) for element, _ in titles}
    linked: dict[Element, set[str]] = {}
    for element, address in others:
        if (article := _article_around(element)) is not None and article not in titled:
            linked.setdefault(article, set()).add(address)
    return [*titles, *((article, min(found)) for article, found in linked.items() if len(found) == 1)]


def _article_around(el: Element) -> Element | None:
    return next(el.iterancestors("article"), None)


def categories_of_entries(page: Page, entries: Entries) -> dict[str, Terms]:
    """Returns the categories that a listing shows beside the links to its posts, by the address of the post.

    A link belongs to the entry of a post if the smallest element around it that also links to posts links to this post
    only. A listing needs several entries, since a single one does not show where it ends.
    """
    owners = owners_of_elements(entries)
    if len(set(owners.values()) - {None}) < 2:
        return {}
    prose: dict[Element, bool] = {}
    found: dict[str, list[str]] = {}
    for a in page.index.tag("a")[:_MOST_LISTED_LINKS]:
        if not _leads_to_category(page, a):
            continue
        post = _owner_of(a, owners)
        if post is not None and not is_in_prose(a, prose):
            text = clean_term(text_of_term_link(a))
            found.setdefault(post, []).extend([text] if is_term(text, sure=True) else [])
    terms = {post: unique_terms(texts) for post, texts in found.items()}
    return {post: names for post, names in terms.items() if 0 < len(names) <= _MOST_OF_ENTRY}


def _leads_to_category(page: Page, a: Element) -> bool:
    href = a.get("href") or ""
    is_category = "category" in _rel(a) or (kind_of_address(href) == "category" and not _AMBIGUOUS.search(href))
    return is_category and not _PAGED.search(href) and is_own_site(page, href)


def owners_of_elements(entries: Entries) -> dict[Element, str | None]:
    """Maps each element around entries to the address of their post if all of them are of the same post, otherwise to
    None.
    """
    owners: dict[Element, str | None] = {}
    for element, address in entries:
        for around in (element, *islice(element.iterancestors(), _ENTRY_DEPTH)):
            owners[around] = address if owners.get(around, address) == address else None
    return owners


def _owner_of(a: Element, owners: dict[Element, str | None]) -> str | None:
    """Returns the address of the post to whose entry a link belongs; None if it belongs to none."""
    for around in islice(a.iterancestors(), _ENTRY_DEPTH):
        if around in owners:
            return owners[around]
        if around.tag in _BETWEEN_ENTRIES:
            return None
    return None


def category_of_listing(page: Page) -> str:
    """Returns the name of the category whose posts a page lists; "" if its address is not that of such a listing, or if
    neither a link to it nor a heading says the name.
    """
    address = _PAGED.sub("", page.url).rstrip("/")
    if kind_of_address(address) != "category" or _AMBIGUOUS.search(address):
        return ""
    slug, own = slug_of(address), unquote(address)
    for a in page.index.tag("a")[:_MOST_LISTED_LINKS]:
        href = a.get("href") or ""
        if slug_of(href) == slug and unquote(page.join(href) or "").rstrip("/") == own:
            text = clean_term(text_of_term_link(a))
            if is_term(text, sure=True):
                return text
    name = fold_text(slug.replace("-", " "))
    headings = [clean_term(element_line(h)) for tag in ("h1", "h2") for h in page.index.tag(tag)[:_MOST_HEADINGS]]
    return next((text for text in headings if text and fold_text(text) == name), "")


def is_beside_list(el: Element, known: dict[Element, bool]) -> bool:
    """Returns True if an entry (the element `el`, or the <article> around it) is outside the list of posts, for example
    in a sidebar or in navigation. `known` contains the answers for the elements around entries of the same page, and
    the new ones are added.
    """
    article = _article_around(el)
    at: Element | None = (el if article is None else article).getparent()
    passed: list[Element] = []
    is_beside = False
    while at is not None and not is_beside:
        if at in known:
            is_beside = known[at]
            break
        passed.append(at)
        is_beside = at.tag in _BESIDE_LIST or bool(boilerplate_word(at))
        at = at.getparent()
    known.update(dict.fromkeys(passed, is_beside))
    return is_beside


_PERSON_PAGE = lazy_regex(  # not "/licenses/by/4.0/", which is a licence of Creative Commons
    r"(?<!/licenses)/(?:author|authors|autor|autores|auteur|auteurs|autori|autore|profile|profiles|profil|people|person|staff|by|"
    r"contributor|contributors|user|users|member|members|writer|writers|columnist|columnists|expert|experts|journalist|"
    r"journalists|reporter|reporters|yazar|yazarlar|penulis|tac-gia|team|our-team|bio|bios|u|u/\d+|bloggers?|redakteur|"
    r"redaktion|redaction|zuozhe)/[^/]+/?$|/@[\w.-]+/?$|/(?:author|profile|user)s?-[\w-]+/?$",
    re.IGNORECASE,
)


_ACCOUNT_TOOL = lazy_regex(
    r"/(?:log-?(?:in|out|on|off)|sign-?(?:in|up|out|on)|regist(?:er|ration)|join|account|password|subscribe|anmelden|connexion|"
    r"inscription|giris|kayit|entrar|acceso|registro|cadastro|zaloguj|logowanie|rejestracja)(?:\.\w{2,5})?/?$",
    re.IGNORECASE,
)


_TERM_PAGE = lazy_regex(
    r"/(?:category|categories|tag|tags|topic|topics|section|label|kategorie|categoria|categorie|rubrik|tema|temas|"
    r"chu-de|chuyen-muc|archive|archives|\d{4}/\d\d?)(?:/|$)",
    re.IGNORECASE,
)


@lru_cache(maxsize=8192)
def leads_to_person(href: str) -> bool:
    """Returns True if an address looks like that of an author's page, such as "/author/jane-doe"."""
    try:
        parts = urlsplit(href)
    except ValueError:
        return False
    if _ACCOUNT_TOOL.search(parts.path):
        return False
    return bool(_PERSON_PAGE.search(parts.path) or re.search(r"(?:^|&)author(?:_name)?=", parts.query))


@lru_cache(maxsize=8192)
def leads_to_term(href: str) -> bool:
    """Returns True if an address looks like that of the posts in a category, with a tag, on a topic or of a month."""
    try:
        return bool(_TERM_PAGE.search(urlsplit(href).path))
    except ValueError:
        return False


# WordPress's post class contains all terms of the post, as category-SLUG and tag-SLUG. The names of the terms are taken
# from the page.

Kinds = tuple[Kind, ...]
BOTH_KINDS: Kinds = ("category", "tag")
_CHOSEN = 0.5
"""Tags with a lower confidence than this are recorded as evidence, but not chosen."""
_KINDS: dict[str, Kind] = {"category": "category", "tag": "tag"}
_CLASS_TERM = lazy_regex(r"^(category|tag)-(.+)$")
_ESCAPED = lazy_regex(r"%[0-9a-f]{2}|[^a-z0-9_-]")
_SIMPLE = lazy_regex(r"[a-z0-9_-]*")


@dataclass(frozen=True, slots=True)
class ClassTerms:
    """The categories or the tags that the class attribute of a WordPress post names.

    `slugs` are written as in the class. `names` are the names that the page shows or declares for them, or the slugs if
    it shows none. `is_complete` is True if the class contains every term of the post. It may lack a term whose slug
    contains no Latin letters, since WordPress writes only a number for such a term.
    """

    slugs: Terms
    names: Terms
    is_complete: bool


def class_terms(
    page: Page, post: Post, declared: Mapping[Kind, Sequence[str]], sought: Kinds = BOTH_KINDS
) -> dict[Kind, ClassTerms]:
    """Returns the categories and tags in the class attribute of a WordPress post (category-SLUG, tag-SLUG), by kind; {}
    if there are none. Only the kinds in `sought` are returned.

    `declared` are the names in JSON-LD and meta elements. They are matched to the slugs by their letters or, if there
    are as many names as slugs, by their order, since WordPress sorts both by name. If a class is complete and has no
    tag, the post has no tags.
    """
    classes = _post_class(post)
    terms = [(kind, m[2]) for name in classes if (m := _CLASS_TERM.match(name)) and (kind := _KINDS[m[1]])]
    numbers = {kind for kind, slug in terms if slug.isdigit()}
    found = {kind: [slug for one, slug in terms if one == kind and not slug.isdigit()] for kind in _KINDS.values()}
    if not any(found.values()):
        return {}
    found = {kind: found[kind] for kind in sought}
    slugs_sought = {s for slugs in found.values() for s in slugs}
    shown = _shown_names(page, post, slugs_sought) if slugs_sought else {}
    # Every WordPress post has a category, so a class without a category was written by a theme that leaves terms out.
    complete = "type-post" in classes and any(kind == "category" for kind, _ in terms)
    out: dict[Kind, ClassTerms] = {}
    for kind, slugs in found.items():
        by_slug = _declared_terms(slugs, declared[kind]) if kind not in numbers else {}
        names = tuple(shown.get((kind, s)) or by_slug.get(s) or s for s in slugs)
        out[kind] = ClassTerms(tuple(slugs), names, complete and kind not in numbers)
    return out


def _post_class(post: Post) -> list[str]:
    at: Element | None = post.body if post.body is not None else post.holder
    while at is not None:
        have = (at.get("class") or "").split()
        if any(c.startswith("post-") for c in have) and {"hentry", "type-post", "post"} & set(have):
            return have
        at = at.getparent()
    return []


def slug_in_class(slug: str) -> str:
    """Returns a slug as WordPress writes it in a class, without percent-encoded characters."""
    low = slug.lower()
    return low if _SIMPLE.fullmatch(low) else _ESCAPED.sub("", quote(low, safe="").lower())


@lru_cache(maxsize=8_192)
def _slug_of_address(href: str) -> str:
    return slug_in_class(slug_of(href))


@lru_cache(maxsize=4_096)
def _possible_slugs(name: str) -> frozenset[str]:
    """Returns the slugs that a publishing system may have made from a name."""
    written = {name, re.sub(r"['’.&]", "", name), name.replace("&", " and ")}
    return frozenset(map(slugify, written)) - {""}


def _shown_names(page: Page, post: Post, slugs: set[str]) -> dict[tuple[Kind, str], str]:
    """Returns the names of the terms with these slugs, by kind and slug. A name is the text of a link whose address
    ends in the slug.

    The post's own links are preferred. Otherwise, links in WordPress's term lists and links with a text that fits the
    slug are used. Other links, such as those in a menu, may have any text.
    """
    best: dict[tuple[Kind, str], str] = {}
    other: dict[tuple[Kind, str], str] = {}
    for a in page.index.tag("a"):
        href = a.get("href") or ""
        if not href or len(href) > 300 or (slug := _slug_of_address(href)) not in slugs:
            continue
        kind: Kind | None = "category" if "category" in (a.get("rel") or "").split() else kind_of_address(href)
        text = clean_term(text_of_term_link(a))
        if kind is None or not is_term(text, sure=True):
            continue
        if _is_of_post(a, post):
            best.setdefault((kind, slug), text)
        elif _is_in_term_list(a) or _fits_slug(text, slug):
            other.setdefault((kind, slug), text)
    return other | best


def _is_of_post(a: Element, post: Post) -> bool:
    """Returns True if a link is in the post's meta lines (with its date, authors and terms), and not in its body."""
    return post.holder is not None and not post.is_noise(a) and is_below(a, post.holder) and not post.in_body(a)


def _fits_slug(text: str, slug: str) -> bool:
    """Returns True if a name contains all words of a slug: "Obras públicas" fits "obras"."""
    words = set(slug.split("-"))
    return any(words <= set(s.split("-")) for s in _possible_slugs(text))


def _is_in_term_list(a: Element) -> bool:
    parent = a.getparent()
    return "tag-cloud-link" in (a.get("class") or "") or (
        parent is not None and "cat-item" in (parent.get("class") or "").split()
    )


def _declared_terms(slugs: Sequence[str], declared: Sequence[str]) -> dict[str, str]:
    """Returns the declared names by slug. A name is matched to the slug made from its letters, or else by its position
    in the list.
    """
    names = [t for d in declared if (t := clean_term(d))]
    out = {slug: name for name in names for slug in _possible_slugs(name) & set(slugs)}
    if len(names) == len(slugs):
        rest = [n for n in names if n not in out.values()]
        out |= dict(zip((s for s in slugs if s not in out), rest, strict=False))
    return out


Found = tuple[Kind, Candidate[Terms]]


@dataclass(frozen=True, slots=True)
class _Meta:
    """A kind of meta element that contains terms. `is_list` is True if one element contains several terms."""

    kind: Kind
    name: str
    confidence: float
    is_list: bool = False


_METAS = (
    _Meta("category", "article:section", 0.66),
    _Meta("category", "parsely-section", 0.66),
    _Meta("category", "citation_section", 0.66),
    _Meta("category", "sailthru.section", 0.6),
    _Meta("tag", "article:tag", 0.8),
    _Meta("tag", "og:article:tag", 0.8),
    _Meta("tag", "parsely-tags", 0.7, is_list=True),
    _Meta("tag", "news_keywords", 0.68, is_list=True),
    _Meta("category", "articlesection", 0.75),  # RDFa without a type, as VuePress themes write it
    _Meta("tag", "sailthru.tags", 0.68, is_list=True),
    _Meta("tag", "citation_keywords", 0.68, is_list=True),
    _Meta("tag", "keywords", 0.35, is_list=True),  # a low confidence, since they are written for search engines
)
_FILED_OTHERWISE = frozenset(("blogger", "ghost", "hexo", "hugo", "jekyll", "pelican", "substack"))
"""Platforms whose posts always show their categories elsewhere than in breadcrumbs. On these, a breadcrumb is only a
folder, unless its address leads to a category."""
# The classes of elements that show a category or tag without a link. A kicker may also be a phrase about the post.
_CATEGORY_CLASSES = (
    *(".post-category", ".entry-category", ".article-category", ".article__category", ".post__category"),
    *(".category-name", ".category-label", ".cat-name", ".post-categories", ".entry-categories"),
    *(".article-categories", ".category", ".categories", ".post-label", ".section-name", ".section-label"),
    *(".article-section", ".article__section", ".post-section", ".rubrik", ".rubric", ".rubrique", ".rubrica"),
    *(".article__rubric", ".article-rubric", ".post-rubric", ".ressort"),
)
_KICKER_CLASSES = (".kicker", ".article-kicker", ".article__kicker", ".post-kicker", ".entry-kicker", ".eyebrow")
_TAG_CLASSES = (
    *(".post-tag", ".entry-tag", ".article-tag", ".tag-item", ".tag-name", ".tag", ".post-tags", ".entry-tags"),
    *(".article-tags", ".article__tags", ".tags-list", ".tag-list", ".tags"),
)
_CATEGORY_TAGS = frozenset({"span", "div", "p", "strong", "em", "small", "li", "ul", "ol", "header"})
_KICKER_WORDS, _TITLE_CLIMB = 2, 2
_POST_TYPES = frozenset(
    ("article", "blog", "post", "blogpost", "page", "entry", "story", "artikel", "beitrag", "articulo")
)
_CATEGORY_WORDS, _DATE_DEPTH, _NEAR_DATE = 4, 2, 30
_STARTS_WITH_LABEL = lazy_regex(r"^[^\W\d_]+\s*[:：]\s*")
_STARTS_LABEL = lazy_regex(r"[:：]\s*$")
_BREADCRUMBS = ("[itemtype*=BreadcrumbList]", ".breadcrumbs", ".breadcrumb", "#breadcrumbs", "#breadcrumb")
_POSITIONS = (".crumbs", ".crumb", ".bread", ".position", ".location", ".weizhi", ".mbx", ".path")
"""Classes that many sites, most of them Chinese, give to breadcrumbs. They count only if the first link is to the home
page."""
_TAG_ADDRESS, _UNLINKED = "tag address", "unlinked category"
_ARROW = lazy_regex(r"\s*[>»›→＞]+\s*")
_BETWEEN_ROWS, _NO_ROWS = frozenset(("br", "hr", "script", "style")), frozenset(("nav", "header", "aside", "form"))
_ROWS, _ROW_CLIMB, _ROW_LINKS = 3, 5, 5
_ROW_LENGTH, _ROW_REST = 160, 40
_LANGUAGE = lazy_regex(r"[a-z]{2}(?:[-_][a-z]{2,4})?", re.IGNORECASE)
_TOLD_APART = 0.5
"""Only candidates from the page with at least this confidence decide whether a term of a feed is a category or a
tag."""
_MAX_LINKS = 600
_DATED_PATH = lazy_regex(r"/(.+?)/(?:19|20)\d\d/\d\d/\d\d/")
_MAX_STEPS = 10
_MAX_COUNT = 60


_LISTED = (LISTING, "entry", 0.05)
"""The source, the locator and the confidence of categories that a listing shows beside its link to the post."""


def listed_categories(hint: SourceHint | None) -> list[Candidate[Terms]]:
    """Returns the candidate for a post's categories that a listing shows; [] if no listing shows any."""
    return [Candidate(hint.listed_categories, *_LISTED)] if hint is not None and hint.listed_categories else []


def term_candidates(
    page: Page, post: Post, hint: SourceHint | None, kinds: Kinds = BOTH_KINDS
) -> tuple[list[Candidate[Terms]], list[Candidate[Terms]]]:
    """Returns the candidates for a post's categories, and those for its tags. The value of a candidate is a tuple of
    terms. If only one of the two is in `kinds`, the list for the other is empty. `hint` is what a feed or an API says
    about the post, None if nothing.
    """
    # The terms of a feed are told apart by the candidates of both kinds.
    sought = BOTH_KINDS if _has_feed_terms(hint) else kinds
    found = [
        *_from_selectors(page, post, sought),
        *_from_unlinked(page, post, sought),
        *_from_links(page, post, sought),
        *_from_metadata(page, sought),
        *_from_scripts(page, post),
        *_from_class(page, post, sought),
    ]
    if "category" in sought:
        found += _from_breadcrumbs(page, post)
        found += _from_row_above(page, post)
    cats: list[Candidate[Terms]] = []
    tags: list[Candidate[Terms]] = []
    for kind, one in (*_from_hint(page, hint, found), *found):
        if kind == "tag" and page.constants.refuses_tags(one.value):
            continue
        if kind in kinds and (one.value or one.locator == "post class"):
            (cats if kind == "category" else tags).append(one)
    return cats, tags


def terms_of_kind(
    page: Page, post: Post, hint: SourceHint | None, kind: Kind, kinds: Kinds
) -> tuple[list[Candidate[Terms]], Terms]:
    """Returns the candidates for a post's categories or for its tags (`kind`), and the terms chosen from them. `hint`
    is what a feed or an API says about the post, None if nothing.

    `kinds` are all kinds for which this function will be called, so that both can be collected at once. The candidates
    of another kind are collected only if the choice depends on them.
    """
    found = _kept_candidates(page, post, hint, kind, kinds)
    if kind == "category":
        tags = _kept_candidates(page, post, hint, "tag") if any(c.locator == _UNLINKED for c in found) else []
        return found, choose_terms(found, tags)[0]
    cats = _kept_candidates(page, post, hint, "category") if _may_be_category(_best_tags(found)) else []
    return found, choose_terms(cats, found)[1]


def _kept_candidates(
    page: Page, post: Post, hint: SourceHint | None, kind: Kind, kinds: Kinds = ()
) -> list[Candidate[Terms]]:
    """Returns the candidates for one kind of terms, which are cached on `post`. The candidates for `kinds` are
    collected at the same time. `hint` is what a feed or an API says about the post, None if nothing.
    """
    kept: dict[Kind, list[Candidate[Terms]]] = post.answers.setdefault("terms", {})
    if kind not in kept:
        sought = BOTH_KINDS if _has_feed_terms(hint) else tuple(one for one in BOTH_KINDS if one in (kind, *kinds))
        both = dict(zip(BOTH_KINDS, term_candidates(page, post, hint, sought), strict=True))
        kept |= {one: both[one] for one in sought}
    return kept[kind]


def _has_feed_terms(hint: SourceHint | None) -> bool:
    return hint is not None and bool(hint.categories) and not is_from_api(hint)


def choose_terms(cats: list[Candidate[Terms]], tags: list[Candidate[Terms]]) -> tuple[Terms, Terms]:
    """Returns the categories and the tags chosen from their candidates."""
    tag = _best_tags(tags)
    tagged = tag.value if tag else ()
    topics = set(map(fold_text, tagged))
    # A line above the heading may be the main topic of the post. The links to its topics then repeat it.
    category = resolve_terms(
        [c for c in cats if c.locator != _UNLINKED or not topics.issuperset(map(fold_text, c.value))]
    )
    if _may_be_category(tag) and category is not None:
        tagged = tuple(t for t in tagged if fold_text(t) not in {fold_text(c) for c in category.value})
    return category.value if category else (), tagged


def _best_tags(tags: list[Candidate[Terms]]) -> Candidate[Terms] | None:
    return resolve_terms([t for t in tags if t.confidence >= _CHOSEN])


def _may_be_category(tag: Candidate[Terms] | None) -> bool:
    """Returns True if some terms of a candidate for the tags may be categories, since rel="tag" marks categories, too.
    A link to the listing of a tag is always a tag, even if a category has the same name. Returns False if there is no
    candidate (None).
    """
    return tag is not None and tag.source in ("link", "label") and tag.locator != _TAG_ADDRESS


def _as_candidate(
    kind: Kind, texts: Iterable[str], source: str, locator: str, confidence: float, visible: bool = False
) -> Found:
    return kind, Candidate(unique_terms(texts)[:_MAX_COUNT], source, locator, confidence, visible)


def _from_hint(page: Page, hint: SourceHint | None, found: Sequence[Found]) -> Iterator[Found]:
    """Yields the categories and tags from a feed or an API (`hint`, None if there is no hint).

    An API gives categories and tags separately. RSS and Atom use one element for both. A term of a feed counts as a tag
    if the post's own terms (`found`) or the addresses of the site's listings show that it is a tag and not a category.
    All other terms of a feed count as categories. The categories that a listing shows have the lowest confidence of
    all.
    """
    if hint is None:
        return
    if hint.listed_categories:
        yield _as_candidate("category", hint.listed_categories, *_LISTED)
    if is_from_api(hint):
        yield _as_candidate("category", hint.categories, "api", "categories", 0.97)
        yield _as_candidate("tag", hint.tags, "api", "tags", 0.97)
        return
    tagged = _terms_known_as_tags(page, hint.categories, found) if hint.categories else frozenset()
    categories = [t for t in hint.categories if fold_text(t) not in tagged]
    tags = [t for t in hint.categories if fold_text(t) in tagged]
    yield _as_candidate("category", categories, "feed", "categories", 0.5)
    yield _as_candidate("tag", (*hint.tags, *tags), "feed", "tags" if hint.tags else "categories", 0.5)


def _terms_known_as_tags(page: Page, terms: Sequence[str], found: Sequence[Found]) -> frozenset[str]:
    """Returns those terms of a feed that are tags according to the page, in the form that `fold_text` returns.

    If the platform has only categories or only tags, all terms are of that kind. Otherwise the post's own terms
    (`found`) decide, and then the addresses of links to listings anywhere on the page. On a Jekyll site, the folders
    before the date in the page's address are the post's categories, and all other terms are tags.
    """
    wanted = {fold_text(t) for t in terms}
    platform = page.platform
    if bool(platform.categories) != bool(platform.tags):
        return frozenset(wanted if platform.tags else ())
    known: dict[Kind, set[str]] = {
        kind: {fold_text(t) for one, c in found if one == kind and c.confidence >= _TOLD_APART for t in c.value}
        for kind in _KINDS.values()
    }
    rest = wanted - known["category"] - known["tag"]
    linked: dict[Kind, set[str]] = {"category": set(), "tag": set()}
    for kind, names in _listing_links(page) if rest else ():
        linked[kind] |= names & rest
    categories = known["category"] | (linked["category"] - known["tag"])
    tags = (known["tag"] | linked["tag"]) & wanted
    if platform.name == "jekyll" and (folders := _folders_before_date(page) & wanted):
        categories |= folders
        tags = wanted
    return frozenset(tags - categories)


def _listing_links(page: Page) -> Iterator[tuple[Kind, set[str]]]:
    """Yields, for each link to the listing of a category or tag, the kind and the set of its two names: the link's text
    and the slug in its address, both as `fold_text` returns them.
    """
    for a in page.index.tag("a")[:_MAX_LINKS]:
        href = a.get("href") or ""
        if (kind := kind_of_address(href)) and is_own_site(page, href):
            yield kind, {fold_text(clean_term(element_line(a))), fold_text(slug_of(href).replace("-", " "))}


def _folders_before_date(page: Page) -> set[str]:
    """Returns the folders before the date in the page's address, as in /news/tram/2024/01/09/a-title.html, in the form
    that `fold_text` returns.
    """
    match = _DATED_PATH.match(unquote(page.path))
    return {fold_text(folder) for folder in match[1].split("/")} if match else set()


def _from_selectors(page: Page, post: Post, sought: Kinds) -> Iterator[Found]:
    """Yields the terms found by the platform's selectors and by generic ones. `sought` are the kinds of terms to find:
    categories, tags or both.
    """
    generic = by_name("generic")
    rows = [(generic, "class", 0.75)]
    if page.platform is not generic:
        rows.insert(0, (page.platform, "platform", 0.92))
    for platform, source, confidence in rows:
        for kind in sought:
            rules = platform.categories if kind == "category" else platform.tags
            both = kind == "tag" or platform is generic
            for rule in page.index.present(rules):
                if texts := _selected_terms(page, post, rule, kind, both):
                    yield _as_candidate(kind, texts, source, rule, confidence, True)
                    break


def _from_unlinked(page: Page, post: Post, sought: Kinds) -> Iterator[Found]:
    if "category" in sought:
        found = _unlinked_terms(page, post, _CATEGORY_CLASSES) or [
            text for text in _unlinked_terms(page, post, _KICKER_CLASSES) if len(text.split()) <= _KICKER_WORDS
        ]
        yield _as_candidate("category", found, "class", _UNLINKED, 0.7, True)
    if "tag" in sought:
        yield _as_candidate("tag", _unlinked_terms(page, post, _TAG_CLASSES), "class", "unlinked tag", 0.6, True)


def _selected_terms(page: Page, post: Post, rule: str, kind: Kind, both: bool) -> list[str]:
    """Returns the texts of the category or tag links that a selector matches, without links in sentences and links to
    other sites.

    `both` is True if the selector matches categories as well as tags. Links to listings of the other kind are then left
    out.
    """
    found: list[str] = []
    prose: dict[Element, bool] = {}
    by_rel = "rel" in rule
    for el in _elements_of_rule(page, post, rule)[:_MAX_COUNT]:
        href = el.get("href") or ""
        if kind == "tag" and "category" in (el.get("rel") or "").split():
            continue
        if href and ((both and kind_of_address(href) not in (None, kind)) or _is_other_site(page, el, href)):
            continue
        if el.tag == "a" and not by_rel and is_in_prose(el, prose):
            continue
        sure = by_rel or kind_of_address(href) == kind
        found += [text for one in texts_of_links(el) if is_term(text := clean_term(one), sure)]
    return found


def _elements_of_rule(page: Page, post: Post, rule: str) -> list[Element]:
    """Returns the elements that a selector matches in the post's meta lines (with its date, authors and terms). Links
    with rel="category" count in the post's text, too.
    """
    if "rel~=category" not in rule:
        return [el for el, _ in post.select([rule], anywhere=False)]
    return [el for el in page.index.select(rule) if not post.is_noise(el) and post.is_beside(el)]


def _unlinked_terms(page: Page, post: Post, selectors: tuple[str, ...]) -> list[str]:
    """Returns the texts of elements near the post's date or title that have a class for categories or tags, but no
    link. `selectors` are the classes. A class in the plural, such as "tags", marks a list.
    """
    for selector in page.index.present(selectors):
        name = selector.removeprefix(".")
        named = [e for e in page.index.with_class(name)[:_MAX_COUNT] if e.tag in _CATEGORY_TAGS]
        found = [text for e in named if _may_hold_unlinked(post, e) for text in _unlinked_texts(post, e, name)]
        if found:
            return found
    return []


def _unlinked_texts(post: Post, el: Element, name: str) -> list[str]:
    """Returns the terms in an element that has a class for categories or tags (`name`), but no link; [] if any of its
    texts is not a term.
    """
    is_list = name.endswith(("ies", "tags", "list"))
    texts = texts_of_items(el)
    label = _STARTS_WITH_LABEL.match(texts[0])
    if label and not kind_of_label(label[0]):
        return []  # a list of something else, such as "Contributors: ..."
    if label:
        texts[0] = texts[0][label.end() :]
    if is_list and len(texts) == 1:
        texts = terms_in_lists(texts)
    terms = [clean_term(text) for text in texts]
    if not all(map(_is_unlinked_text, texts, terms)):
        return []
    return terms if is_list or _is_near_date(post, el) or _is_near_title(post, el) else []


def _is_unlinked_text(text: str, term: str) -> bool:
    if not is_term(term) or fold_text(term) in _POST_TYPES:
        return False
    return len(term.split()) <= _CATEGORY_WORDS and not _STARTS_LABEL.search(text)


def _may_hold_unlinked(post: Post, el: Element) -> bool:
    if post.is_noise(el) or post.in_body(el) or not post.is_beside(el):
        return False
    return el is not post.holder and next(el.iter("a", "time", "h1", "h2"), None) is None


def _is_near_date(post: Post, el: Element) -> bool:
    return any(
        _has_date(a) for a in islice(el.iterancestors(), _DATE_DEPTH) if a is not post.holder or a.tag == "article"
    )


def _is_near_title(post: Post, el: Element) -> bool:
    """Returns True if an element is directly before the post's heading, or directly before the element around the
    heading.
    """
    if post.title is None:
        return False
    following = el.getnext()
    return following is not None and (
        following is post.title or any(a is following for a in islice(post.title.iterancestors(), _TITLE_CLIMB))
    )


def _has_date(el: Element) -> bool:
    """Returns True if a <time>, or an element with a class for dates, is among the first elements in an element."""
    return any(
        e.tag == "time" or any(map(names_a_date, (e.get("class") or "").split()))
        for e in islice(el.iter("*"), _NEAR_DATE)
    )


def _is_other_site(page: Page, el: Element, href: str) -> bool:
    return not is_own_site(page, href) and "tag" not in (el.get("rel") or "").split()


def _from_links(page: Page, post: Post, sought: Kinds) -> Iterator[Found]:
    links = term_links(page, post, with_tags="tag" in sought)
    has_one_kind = bool(page.platform.categories) != bool(page.platform.tags)  # e.g. Blogger, which has only labels
    for kind in sought:
        sure = [x.text for x in links if x.kind == kind and x.sure]
        all_ = [x.text for x in links if x.kind == kind]
        by_address = all(kind_of_address(x.href) == kind for x in links if x.kind == kind and x.sure)
        locator = f"{kind} address" if by_address and not has_one_kind else f"rel={kind}"
        yield _as_candidate(kind, sure, "link", locator, 0.8, True)
        if len(all_) > len(sure):
            yield _as_candidate(kind, all_, "label", f"{kind} label", 0.74, True)


def _from_metadata(page: Page, sought: Kinds) -> Iterator[Found]:
    """Yields the terms in JSON-LD, microdata, RDFa and meta elements. `sought` are the kinds of terms to find:
    categories, tags or both.
    """
    data = page.data
    node = data.article(page.addresses)
    headline = {fold_text(t) for t in [*data.texts(node, "headline"), *data.meta("og:title")]}
    yield _as_candidate(
        "category", _sections(page, data.texts(node, "articleSection"), headline), "json-ld", "articleSection", 0.82
    )
    # The plugin Rank Math writes search phrases, and not the post's tags, into this property.
    trust = 0.3 if _is_by_rank_math(page) else 0.78
    yield _as_candidate("tag", terms_in_lists(data.texts(node, "keywords")), "json-ld", "keywords", trust)
    for one in data.declared(page.addresses):
        if one.source != "json-ld":
            found = _sections(page, data.texts(one.node, "articleSection"), headline)
            yield _as_candidate("category", found, one.source, "articleSection", 0.8)
            yield _as_candidate("tag", terms_in_lists(data.texts(one.node, "keywords")), one.source, "keywords", 0.7)
    for meta in _METAS:
        if meta.kind in sought and (meta.name != "article:section" or not page.platform.section_is_folder):
            yield _from_meta(page, meta, headline)


def _from_scripts(page: Page, post: Post) -> Iterator[Found]:
    """Yields the terms of the article in the data of the scripts of a page that shows hardly any text."""
    node = unshown_article(post)
    sections = _sections(page, node.get("articleSection", ()), {fold_text(t) for t in node.get("headline", ())})
    yield _as_candidate("category", sections, "script", "articleSection", 0.5)
    yield _as_candidate("tag", node.get("keywords", ()), "script", "keywords", 0.5)


def _from_meta(page: Page, meta: _Meta, headline: set[str]) -> Found:
    texts = page.data.meta(meta.name)[:1] if meta.name == "keywords" else page.data.meta(meta.name)
    if meta.kind == "category":
        texts = _sections(page, texts[:3], headline)
    elif meta.name.endswith("article:tag"):
        texts = _split_tags(texts)
    return _as_candidate(
        meta.kind, terms_in_lists(texts) if meta.is_list else texts, "meta", meta.name, meta.confidence
    )


def _split_tags(texts: Sequence[str]) -> list[str]:
    """Returns the tags in elements that should have one tag each. Some sites write all tags into one element.

    Commas without spaces separate tags. In a single element, several commas do, too; one comma may be part of a tag.
    """
    is_list = len(texts) == 1 and len(re.findall(r"[,;、，]", texts[0])) > 1
    return terms_in_lists(texts) if is_list else [part for text in texts for part in re.split(r"[,;](?=\S)", text)]


def _sections(page: Page, texts: Iterable[str], headline: set[str]) -> list[str]:
    """Returns the categories in the texts of declared sections (`texts`), without the post's headline, folders such as
    "posts", and sections that all posts of the site have.
    """
    folders = _folders_of_posts(page)
    own = (t for t in texts if fold_text(t) not in headline and t.strip() not in folders)
    return [p for t in own if not page.constants.refuses_section(t) for p in _split_sections(page, t)]


def _folders_of_posts(page: Page) -> set[str]:
    """Returns the folders in the page's address that only say that the page is a post, such as "posts", and are
    therefore no categories.
    """
    return {folder for folder in page.path.split("/") if fold_text(folder) in FOLDER_WORDS}


def _is_by_rank_math(page: Page) -> bool:
    return any(s.get("class", "").startswith("rank-math-schema") for s in page.index.tag("script"))


def _split_sections(page: Page, text: str) -> list[str]:
    """Splits the text of a section field into sections: "News,Health" is two; "Health, Wellness & Beauty" is one.

    A text with spaces after its commas is split only if each part is also the text of a link, or if no link has the
    whole text and the last part contains no "and".
    """
    parts = re.split(r"\s*[,;]\s+", text)
    if len(parts) == 1:
        return re.split(r"[,;](?=\S)", text)
    if re.search(r"[,;]\s[^,;]*(?:\s(?:&|and|und|y|et|e)\s)[^,;]*$", text):
        linked = {fold_text(element_line(a)) for a in page.index.tag("a")[:600] if kind_of_address(a.get("href") or "")}
        return parts if all(fold_text(p) in linked for p in parts) else [text]
    whole = fold_text(text)
    return [text] if any(fold_text(element_line(a)) == whole for a in page.index.tag("a")[:600]) else parts


def _from_class(page: Page, post: Post, sought: Kinds) -> Iterator[Found]:
    if page.platform.name not in ("wordpress", "generic", "squarespace"):
        return
    node = page.data.article(page.addresses)
    declared: dict[Kind, list[str]] = {
        "category": terms_in_lists(page.data.texts(node, "articleSection")) or page.data.meta("article:section"),
        "tag": terms_in_lists(page.data.texts(node, "keywords")) or page.data.meta("article:tag"),
    }
    for kind, found in class_terms(page, post, declared, sought).items():
        # If a post class is complete and has no tag, the post has none, unless a link shows one.
        if found.names or found.is_complete:
            confidence = 0.6 if not found.is_complete else 0.94 if found.names else 0.79
            yield _as_candidate(kind, found.names, "class", "post class", confidence)


def _from_breadcrumbs(page: Page, post: Post) -> Iterator[Found]:
    """Yields the breadcrumbs as categories, without the home page, the post itself, and folders such as "Blog"."""
    known = _names_of_no_section(page, post)
    steps = _declared_steps(page) or _shown_steps(page)
    if page.platform.name in _FILED_OTHERWISE:
        steps = [*steps[:1], *(one for one in steps[1:] if kind_of_address(one[1]) == "category")]
    begin = 0 if _begin_with_section(page, steps) else 1
    names = [name for name, href in steps[begin:] if href and _is_section(page, name, href, known)]
    yield _as_candidate("category", names[:4], "breadcrumb", "breadcrumb", 0.4)


def _names_of_no_section(page: Page, post: Post) -> set[str]:
    """Returns the texts of breadcrumbs that are not sections, in the form that `fold_text` returns: the post's title,
    the site's names, and folders such as "Blog".
    """
    own = {
        fold_text(element_line(post.title)) if post.title is not None else "",
        *map(fold_text, page.data.meta("og:title")),
    }
    return own | {fold_text(n) for n in page.data.names_of_site()} | FOLDER_WORDS


def _begin_with_section(page: Page, steps: Sequence[tuple[str, str]]) -> bool:
    """Returns True if the first breadcrumb is a section and not, as usual, the home page: its address is a folder that
    contains the page or the next breadcrumb. `steps` are the texts and addresses of the breadcrumbs.
    """
    if not steps or is_home(steps[0][0]):
        return False
    return any(
        _is_folder_of(page, steps[0][1], path) for path in (page.path, *(_path_of(page, h) for _, h in steps[1:2]))
    )


def _is_folder_of(page: Page, href: str, path: str) -> bool:
    """Returns True if an address on the page's own site is a folder that contains a path. The home page does not count,
    nor does a folder named by a language code, such as "en" or "pt-br".
    """
    folder = _path_of(page, href)
    name = folder.rpartition("/")[2]
    return bool(name) and not _LANGUAGE.fullmatch(name) and path.startswith(folder + "/") and is_own_site(page, href)


def _path_of(page: Page, href: str) -> str:
    """Returns the path of an address without the slash at its end; "" for the home page of a host."""
    try:
        return urlsplit(page.join(href) or "").path.rstrip("/")
    except ValueError:
        return ""


def _from_row_above(page: Page, post: Post) -> Iterator[Found]:
    """Yields the sections in the nearest row of links above the post's heading: breadcrumbs, or one link to the
    section.
    """
    if post.title is None or page.platform.name in _FILED_OTHERWISE:
        return
    known = _names_of_no_section(page, post)
    found = (_sections_of_row(page, row, known) for row in _rows_above(page, post.title))
    yield _as_candidate("category", next(filter(None, found), [])[:4], "breadcrumb", "row above the heading", 0.38)


def _rows_above(page: Page, title: Element) -> Iterator[Element]:
    """Yields the short elements above a heading, nearest first, up to a menu, a header or a longer text."""
    at: Element | None = title
    for _ in range(_ROW_CLIMB):
        if at is None or at.tag in ("body", "html"):
            return
        rows = (e for e in at.itersiblings("*", preceding=True) if e.tag not in _BETWEEN_ROWS)
        for row in islice(rows, _ROWS):
            if _is_menu(row) or page.index.text_length(row) > _ROW_LENGTH:
                return
            if next(row.iter("h1", "h2", "h3"), None) is not None:
                return
            yield row
        at = at.getparent()


def _is_menu(row: Element) -> bool:
    """Returns True if a row above the heading is a menu, by its tag or role, and has no breadcrumbs."""
    if row.tag in _NO_ROWS:
        return True
    if row.get("role") not in ("navigation", "menu", "menubar"):
        return False
    names = (f"{e.get('class')} {e.get('id')} {e.get('aria-label')}" for e in row.iter("*"))
    return not any("breadcrumb" in name.lower() for name in names)


def _sections_of_row(page: Page, row: Element, known: set[str]) -> list[str]:
    """Returns the names of the sections in a row of links above the heading; [] if the row is something else, such as a
    menu. `known` are texts that are not sections, such as the post's title.

    A row that begins with the home page and has arrows consists of breadcrumbs. In any other row, a link leads to a
    section if its address is a folder that contains the page, or if it is the only link in the row and also in a menu.
    """
    steps = [(text, a.get("href") or "") for a in islice(row.iter("a"), _MAX_STEPS) if (text := element_line(a))]
    line = element_line(row)
    if len(steps) > _ROW_LINKS or len(line) > sum(len(text) for text, _ in steps) + _ROW_REST:
        return []
    names = [clean_text(name) for name in _ARROW.split(line)]
    begins_home = is_home(names[0]) or bool(steps and steps[0][1] and not _path_of(page, steps[0][1]))
    if not steps:
        return [n for n in names[1:] if begins_home and fold_text(n) not in known and _is_in_menu(page, n)]
    sections = [(name, href) for name, href in steps if _may_be_section(page, name, href, known)]
    if begins_home and len(names) > 1:
        return [name for name, _ in sections]
    if folders := [name for name, href in sections if _is_folder_of(page, href, page.path)]:
        return folders
    return [name for name, href in sections if len(sections) == 1 and _is_in_menu(page, name, href, 2)]


def _may_be_section(page: Page, name: str, href: str, known: set[str]) -> bool:
    if not _path_of(page, href) and "?" not in href:
        return False
    if not is_own_site(page, href) or leads_to_person(href) or kind_of_address(href) == "tag":
        return False
    return len(name.split()) <= _CATEGORY_WORDS and _is_section(page, name, href, known)


def _is_in_menu(page: Page, name: str, href: str = "", count: int = 1) -> bool:
    """Returns True if at least `count` links on the page have the text `name` and, if given, the address `href`. Such a
    link is taken for one in a menu, which repeats links.
    """
    links = (a for a in page.index.tag("a")[:_MAX_LINKS] if not href or a.get("href") == href)
    return len(list(islice((a for a in links if element_line(a) == name), count))) == count


def _is_section(page: Page, name: str, href: str, known: set[str]) -> bool:
    if page.join(href).partition("#")[0].rstrip("/") in page.addresses:
        return False
    return fold_text(name) not in known and len(name) <= 40 and is_term(clean_term(name))


def _declared_steps(page: Page) -> list[tuple[str, str]]:
    """Returns the names and addresses of the breadcrumbs in JSON-LD."""
    steps: list[tuple[str, str]] = []
    for node in page.data.of_type("breadcrumblist")[:1]:
        for item in page.data.resolve(node.get("itemListElement"))[:_MAX_STEPS]:
            if isinstance(item, dict):
                at = item.get("item")
                href = str(at.get("@id") or at.get("url") or "") if isinstance(at, dict) else str(at or "")
                name = next(iter(page.data.texts(item, "name")), "") or next(iter(page.data.texts(item, "item")), "")
                steps.append((name, href))
    return steps


def _shown_steps(page: Page) -> list[tuple[str, str]]:
    """Returns the texts and addresses of the links in the first breadcrumb element that has links."""
    for rule in _BREADCRUMBS:
        for el in [e for e in page.index.select(rule) if e.tag != "a"][:1]:
            if steps := _links_of_steps(el):
                return steps
    for rule in page.index.present(_POSITIONS):
        for el in page.index.select(rule)[:1]:
            steps = _links_of_steps(el)
            if len(steps) > 1 and is_home(steps[0][0]) and len(steps) < _MAX_STEPS:
                return steps
    return []


def _links_of_steps(el: Element) -> list[tuple[str, str]]:
    return [(element_line(a), a.get("href") or "") for a in islice(el.iter("a"), _MAX_STEPS)]
