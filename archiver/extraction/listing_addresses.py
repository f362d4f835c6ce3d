"""Recognizes addresses of listings (of a category, a tag or a month) and of people's pages by their words."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal
from urllib.parse import unquote, urlsplit

from archiver.extraction.page import Page
from archiver.model.lazy_regex import lazy_regex

Kind = Literal["category", "tag"]

# The folders and query keys in the addresses of listings, by kind.
_FOLDERS: dict[Kind, str] = {
    "category": """
        category categories cat section sections topic topics channel rubrik rubriken rubrique rubriques rubrica
        rubric rubrics rubrika rubriki razdel categoria categorias categorie categoría categorías catégorie
        catégories secciones seccion sezione sezioni editoria editorias kategorie kategorien kategoriler kategori
        kategoria kategoriya kategorii ressort dzial chuyen-muc danh-muc sujet fenlei קטגוריה קטגוריות תחום تصنيف
        التصنيف قسم القسم أقسام دسته рубрика рубрики категория категории раздел 分类 分類
        カテゴリ カテゴリー 카테고리 rubriek
        rubrieken categorieen kategorier osasto osastot aihe aiheet rovat rovatok rubriky dzialy kategorija
        kategorije categorii sectiune sectiuni katigoria κατηγορία κατηγορίες категорія категорії หมวดหมู่ श्रेणी
        বিভাগ வகை კატეგორია
    """,
    "tag": """
        tag tags tagged label labels etiqueta etiquetas etiquette etiquettes etichetta schlagwort schlagworte
        schlagwoerter stichwort thema themen etiket etiketler mot-cle mots-cles keyword keywords hashtag hashtags
        trefwoord tagi metka metki teg tegi the tu-khoa chu-de biaoqian argomento argomenti תגית תגיות תג וס וסמ وسم
        الوسم برچسب метка метки тег теги 标签 標籤 タグ 태그 etikett etiketter nyckelord emneord stikord avainsana
        avainsanat cimke cimkek címke címkék stitek stitky štítek štítky etykieta etykiety slowa-kluczowe oznaka
        oznake eticheta etichete etiketa ετικέτα ετικέτες мітка мітки етикет етикети แท็ก ป้ายกำกับ टैग ট্যাগ
        குறிச்சொல் თეგი
    """,
}
_QUERIES: dict[Kind, str] = {
    "category": """
        cat category_name category categoria categorie categoría kategori kategoria kategorie rubrik rubrika rubrica
        rubrique rovat
    """,
    "tag": """
        tag tags tag_id cimke stitek etiket etiketa etiqueta etichetta schlagwort stichwort metka trefwoord
        avainsana
    """,
}
_BY_FOLDER = {word: kind for kind, words in _FOLDERS.items() for word in words.split()}
_BY_QUERY = {word: kind for kind, words in _QUERIES.items() for word in words.split()}
# A folder with something below it ("/tag/sea", "/tags/#sea", "/tags.html#sea"), or a key with a value ("?tag=sea").
_NAMED = re.compile(r"/([^/?#.]+)(?=/[^/?]|(?:/|\.html?)?#.)|[?&]([^=&]+)(?==[^&])")

# Folders that hold the categories of some sites and the tags of others, so that a label before the link decides.
_AMBIGUOUS = lazy_regex(
    r"/(?:topics?|themas?|themen|temas?|sujets?|chu-de|argoment[oi]|labels?|channel)/[^/?]", re.IGNORECASE
)

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


_LANGUAGE = lazy_regex(r"/[a-z]{2}(?:[-_][a-z]{2,4})?$", re.IGNORECASE)
_MAX_LINKS = 600
_PAGED = lazy_regex(r"/page/?\d+|[?&]paged?=\d+|/feed/?$", re.IGNORECASE)


@lru_cache(maxsize=8_192)
def kind_of_address(href: str) -> Kind | None:
    """Returns "category" or "tag" if an address has a folder or query key of their listings, such as /category/news or
    ?tag=sea; otherwise None. The last such word decides.
    """
    named = _NAMED.finditer(unquote(href).lower() if len(href) <= 500 else "")
    found = [kind for m in named if (kind := _BY_FOLDER.get(m[1]) if m[1] else _BY_QUERY.get(m[2]))]
    return found[-1] if found else None


def is_ambiguous(href: str) -> bool:
    """Returns True if an address has a folder that contains the categories of some sites and the tags of others."""
    return _AMBIGUOUS.search(href) is not None


def first_page(url: str) -> str:
    """Returns the address of a listing without the number of its page, or that of its feed, at the end."""
    return _PAGED.sub("", url).rstrip("/")


def is_paged(href: str) -> bool:
    """Returns True if an address is that of a further page of a listing, or of its feed."""
    return _PAGED.search(href) is not None


@lru_cache(maxsize=8_192)
def slug_of(href: str) -> str:
    """Returns the last segment of an address, decoded. For the address of a category or tag, this is its slug."""
    try:
        parts = urlsplit(href)
    except ValueError:
        return ""
    return unquote(parts.path.rstrip("/").rsplit("/", 1)[-1]).removesuffix(".html").lower()


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


def contains_page(page: Page, href: str) -> bool:
    """Returns True if an address of the page's own site is a folder that contains the page. The home page does not
    count, nor does that of a language, such as "/en" or "/pt-br".
    """
    folder = path_of(page, href)
    return (
        bool(folder) and page.path.startswith(f"{folder}/") and not _LANGUAGE.search(folder) and is_own_site(page, href)
    )


def is_section(page: Page, href: str) -> bool:
    """Returns True if the site uses an address for a section: it is a folder that contains the page, or another link,
    in a menu, has it, too.
    """
    links = page.index.tag("a")[:_MAX_LINKS]
    return contains_page(page, href) or (bool(path_of(page, href)) and sum(a.get("href") == href for a in links) > 1)


def path_of(page: Page, href: str) -> str:
    """Returns the path of an address without the slash at its end; "" for the home page of a host."""
    try:
        return urlsplit(page.join(href) or "").path.rstrip("/")
    except ValueError:
        return ""
