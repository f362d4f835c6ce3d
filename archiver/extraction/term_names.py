"""The names of categories and tags: what may be one, and the labels ("Filed under:", "Tags:") before them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import islice

from lxml.etree import _Element as Element

from archiver.extraction.listing_addresses import Kind
from archiver.extraction.normalization import CaselessPattern, clean_text, element_line, fold_text
from archiver.model.lazy_regex import lazy_regex

Terms = tuple[str, ...]

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
_LABEL_AT_END = {
    kind: lazy_regex(
        rf"(?:^|(?P<gap>\s)|[|·•()\[\]（【/,，.。;:：—–-])(?P<label>{words})\s*(?P<colon>[:：])?\s*$", re.I
    )
    for kind, words in _LABELS.items()
}
_LABEL = CaselessPattern(rf"^(?:{_LABELS['category']}|{_LABELS['tag']}|in|under)\s*[:：]?\s*$")
_COUNT = lazy_regex(r"\s*(?:[\(（\[]\s*\d[\d.,]*\s*[\)）\]]|[×x]\s*\d+)$")
_SIGN = lazy_regex(r"^[#＃]+\s*(?=\w)|^(?:tags?|标签|分类)\s*[:：]\s*(?=\S)", re.IGNORECASE)
_LEFT_OUT = " \t,;、·|/•，；<>›»«→←↑→▸–—"
_BETWEEN = lazy_regex(r"[\s,;、，/|·•&+>»#›:：()\[\]（）-]*|\s*(?:and|und|y|e|et|en|i|и|ve|và|と|و|ו)\s*", re.I)
_COMMA = lazy_regex(r"\s*[,;，、；|]\s*(?:(?:and|und|y|e|et|en|och|og|i|и|та|ve|và)\s(?=\S+(?:\s\S+)?$))?", re.I)
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
    r"(?:read|learn|see|view|show|load|find out|discover|explore|shop|check|get|buy|add|click|continue|back|"
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
_MAX_ITEMS = 60
_FOLDER_WORDS = """
post posts blog blogs blogpost article articles news page pages home story stories entry entries content archive
archives nachrichten noticias actualités actualites notizie artikel artikelen artigos новости статьи haberler
tin-tức bài-viết 文章 博客 首页 ブログ 블로그 أخبار الأخبار חדשות
"""
FOLDER_WORDS = frozenset(fold_text(w) for w in _FOLDER_WORDS.split())
"""Names of folders and sections, such as "posts", that only say that a page is a post. They are not categories."""


@lru_cache(maxsize=2_048)  # the pages of a site share most of their terms
def clean_term(text: str | None) -> str:
    """Returns the name of a category or tag without the number of its posts, "#" and separators; "" if the text cannot
    be such a name.
    """
    text = clean_text(text)
    if len(text) > _MAX_LINE_LENGTH:
        return ""
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


def has_count(text: str) -> bool:
    """Returns True if a text ends with the number of posts of a term or an author, as in "Walks (8)"."""
    return _COUNT.search(text) is not None


def unique_terms(found: Iterable[str]) -> Terms:
    """Returns the texts that are categories or tags. If several differ only in case or spacing, returns only the first
    of them.
    """
    out: dict[str, str] = {}
    for text in filter(None, map(clean_term, found)):
        out.setdefault(fold_text(text) or text, text)
    return tuple(out.values())


def terms_in_lists(texts: Iterable[str]) -> list[str]:
    """Splits lists of categories or tags ("a, b; c", "a、b", "a, b, and c"). Drops machine-readable keys ("contentId:
    12", "Lite:true").
    """
    parts = (p for t in texts for p in _COMMA.split(t))
    return [p for p in parts if not _MACHINE.match(p) and len(p) <= _MAX_LENGTH]


def unless_separator(text: str | None) -> str:
    """Returns a cleaned text; "" if it only separates terms, as "," and "and" do."""
    text = clean_text(text)
    return "" if _BETWEEN.fullmatch(text) else text


def kind_of_label(text: str) -> Kind | None:
    """Returns "category" or "tag" if a text ends with a label for them ("Filed under:", "Tags:"); otherwise None."""
    return _kind_of_end(clean_text(text)[-60:])


@lru_cache(maxsize=8_192)
def _kind_of_end(text: str) -> Kind | None:
    for kind, words in _LABEL_AT_END.items():
        # A single word at the end of a line is a label only if it has a colon. "I like tags" does not introduce tags.
        if (m := words.search(text)) and (not m["gap"] or m["colon"] or " " in m["label"] or m["label"] == "tagged"):
            return kind
    return None


def text_of_term_link(el: Element) -> str:
    """Returns the text of a link to a category or tag, without the number of its posts if that is in an element at the
    end of the link.
    """
    text = element_line(el)
    if not len(el) or not text[-1:].isdecimal():
        return text
    *_, last = el.iter("*")
    count = element_line(last)
    is_count = count.isdecimal() and text.endswith(count) and count != text
    return text[: -len(count)].rstrip() if is_count else text


def texts_of_links(el: Element) -> list[str]:
    """Returns the texts of the links in an element that contains terms. If it contains no links, returns the texts of
    its items (see `texts_of_items`). Text between and after the links is not part of a term.
    """
    return list(filter(None, map(text_of_term_link, el.iter("a")))) or texts_of_items(el)


def texts_of_items(el: Element) -> list[str]:
    """Returns the texts of the terms in an element without links: its list items, or else its child elements if it has
    several and no other text, or else its whole text.
    """
    items = list(islice(el.iter("li"), _MAX_ITEMS))
    if not items and not any(map(unless_separator, (el.text, *(child.tail for child in el)))):
        items = [child for child in islice(el.iterchildren("*"), _MAX_ITEMS) if child.tag != "br"]
        items = items if len(items) > 1 else []
    return list(filter(None, map(element_line, items or [el])))
