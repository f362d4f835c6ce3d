"""Recognizes the links from a post to the listings of its categories and tags, by their address, rel, label or icon."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import islice, pairwise
from typing import Literal, NamedTuple
from urllib.parse import unquote, urlsplit

from lxml.etree import _Element as Element

from archiver.extraction.boilerplate import boilerplate_word
from archiver.extraction.page_parsing_and_javascript_check import Page
from archiver.extraction.post_locator import Post, is_outside_posts
from archiver.extraction.text_normalization_and_formulas import CaselessPattern, clean_text, element_line, fold_text
from archiver.lazy_regex import lazy_regex
from archiver.platforms.page_index_and_selector_compiler import Index

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
_MAX_LINKS = 400
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
        if at > last or count > _MAX_LINKS:
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
    return sum(one.get("href") == href for one in page.index.tag("a")[:_MAX_LINKS]) > 1


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
    for a in page.index.tag("a")[:_MAX_LINKS]:
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
    for a in page.index.tag("a")[:_MAX_LINKS]:
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
