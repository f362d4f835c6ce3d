"""Finds out what a link with rel=license on a page is about: the page or its text, or a picture, a comment, another
post or anything else beside the text.
"""

from __future__ import annotations

import re
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from archiver.model.lazy_regex import lazy_regex

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

    from archiver.platforms.selector_index import Index

PLACES_OF_OTHERS = frozenset(
    f"link in {place}"
    for place in (
        *("figure", "comments", "quotation", "aside", "another post", "elsewhere"),
        *("running text", "a sentence about something else"),
    )
)
"""The places of links whose licence need not be about the text."""
_TOP = frozenset(("html", "body"))
_POST_CLASSES = frozenset(("hentry", "h-entry", "type-post", "post", "post-body", "entry-content"))
_FIGURE_TAGS = frozenset(("figure", "figcaption", "picture", "video", "audio", "object"))
_FIGURE = lazy_regex(
    r"(?:^|[\s_-])(?:caption|credits?|gallery|thumb(?:nail)?|lightbox|photo|image)(?:$|[\s_-])", re.IGNORECASE
)
_COMMENTS = lazy_regex(
    r"(?:^|[\s_-])(?:comments?|commentlist|respond|disqus_thread|webmentions?)(?:$|[\s_-])", re.IGNORECASE
)
_ASIDE = lazy_regex(
    r"(?:^|[\s_-])(?:sidebars?|widgets?|related|promo|banner|author-?box|author-bio|toc|menu|navbar|nav)(?:$|[\s_-])",
    re.IGNORECASE,
)
_FOOTER = lazy_regex(r"(?:^|[\s_-])(?:footer|colophon|site-?info|copyright)(?:$|[\s_-])", re.IGNORECASE)
_MEDIA_ITEM = lazy_regex(r"(?:Image|Media|Video|Audio|Data|3DModel)Object|Photograph|SoftwareSourceCode")
_FILE = lazy_regex(r"\.(?:jpe?g|png|gif|webp|avif|svg|mp[34]|webm|og[gv]|pdf|zip|csv)(?:[?#]|$)", re.IGNORECASE)
_BADGE = lazy_regex(
    r"creativecommons|licensebuttons|88x31|80x15|\bcc\b|\b(?:cc-?)?by(?:-\w\w)*\.(?:png|svg|gif)", re.IGNORECASE
)
_BLOCKS = frozenset(("p", "li", "dd", "td", "div", "section", "footer", "header", "article", "main", "body"))
_SHORT = 200
"""An element with a picture and fewer characters is the caption of the picture."""

# What a licence may be about, in the words of a sentence. The first of them counts.
_TEXTS = (
    "texts?|texte[sn]?|testo|testi|textos?|tekst\\w*|articles?|artikel\\w*|art[ií]culos?|articol[oi]|artigos?|posts?|"
    "beitr[aä]g\\w*|content\\w*|contenus?|contenid\\w*|contenut\\w*|conteúdo|inhalt\\w*|works?|werk\\w*|œuvres?|obras?|"
    "oper[ae]|(?:web)?sites?|blogs?|seiten?|pages?|página|pagina|sitio|sito|wiki|writing|stor(?:y|ies)|everything|"
    "текст\\w*|стат\\w+|материал\\w*|сайт\\w*"
)
_TEXTS_UNSPACED = "文章|作品|本站|本文|文字|記事|テキスト|サイト|コンテンツ|글|본문|콘텐츠|저작물"
_OTHERS = (
    "photo\\w*|foto\\w*|pictures?|images?|imag[eé]n\\w*|immagin\\w*|image[mn]s?|bild\\w*|abbildung\\w*|grafik\\w*|graphics?|"
    "illustra\\w*|ilustra\\w*|drawings?|zdjęci\\w*|icons?|logos?|maps?|karten?|cartes?|mapas?|themes?|templates?|design|"
    "fonts?|code|software|data|datas?ets?|video\\w*|audio|music|musik|sound|podcast|cover|comments?|kommentar\\w*|"
    "фото\\w*|изображен\\w*|иллюстрац\\w*"
)
_OTHERS_UNSPACED = "写真|画像|照片|图片|圖片|사진|이미지"
_WORD = lazy_regex(
    rf"(?<![^\W\d_])(?:{_TEXTS}|(?P<other>{_OTHERS}))(?![^\W\d_])|{_TEXTS_UNSPACED}|(?P<unspaced>{_OTHERS_UNSPACED})",
    re.IGNORECASE,
)
_CLAUSE = lazy_regex(r"[.!?;|·•©\n。；](?=\s|$|[^\x00-\x7f])|\s[–—-]\s")
_ONLY_LICENCE = lazy_regex(
    r"(?:licen\w*|lizenz\w*|under|copyright|creative ?commons|cc|by|nc|nd|sa|zero|public domain|attribution|"
    r"non-?commercial|share-?alike|no-?deriv\w*|international|unported|generic|[\W\d_])*",
    re.IGNORECASE,
)
_EXCEPTION = lazy_regex(
    r"\b(?:except|excluding|other than|apart from|unless|sauf|außer|salvo|excepto)\b[^,]*,", re.IGNORECASE
)


class LicencePlaces:
    """The places of the links with rel=license on one page."""

    def __init__(self, index: Index) -> None:
        self._index = index
        posts = [el for el in index.tag("article") if el.getparent() is not None] or [
            el for el in index.elements if el.tag not in _TOP and _POST_CLASSES.intersection(_words(el))
        ]
        self._posts = set(posts)
        outer = [el for el in posts if self._posts.isdisjoint(el.iterancestors())] or index.tag("main")
        self._own = max(outer, key=_rank, default=next(iter(index.tag("body")), None))
        self._around = set(self._own.iterancestors()) if self._own is not None else set()

    def place_of(self, link: Element) -> str:
        """Returns where a link is: "head", "footer" (of the page), "post", or one of PLACES_OF_OTHERS without "link
        in".
        """
        if any(at.tag == "head" for at in link.iterancestors()):
            return "head"
        place = self._outer_place(link)
        if place == "post" and self._is_caption(link):
            return "figure"
        if place == "post" and self._is_in_running_text(link):
            return "running text"
        is_notice = place not in ("post", "footer") or self._is_about_text(link, is_assumed=place == "footer")
        return place if is_notice else "a sentence about something else"

    def _outer_place(self, link: Element) -> str:
        found = ""
        for at in (link, *link.iterancestors()):
            if at is self._own:
                return "aside" if found == "aside" else "post"
            if at in self._around or at.tag in _TOP:
                break
            names = f"{at.get('class') or ''} {at.get('id') or ''}"
            kind = f"{at.get('itemtype') or ''} {at.get('typeof') or ''}"
            about = f"{at.get('about') or ''} {at.get('itemid') or ''}".strip()
            if at.tag in _FIGURE_TAGS or _FIGURE.search(names) or _MEDIA_ITEM.search(kind) or _FILE.search(about):
                return "figure"
            if _COMMENTS.search(names) or "Comment" in kind:
                return "comments"
            if at.tag in ("blockquote", "q"):
                return "quotation"
            if at in self._posts and self._is_another(at):
                return "another post"
            if at.tag == "footer" or at.get("role") == "contentinfo" or _FOOTER.search(names):
                found = "footer"
            elif at.tag in ("aside", "nav") or at.get("role") == "complementary" or _ASIDE.search(names):
                found = "aside"
        # A <link> in the body got there because the head is broken.
        return found or ("head" if link.tag == "link" else "elsewhere")

    def _is_another(self, post: Element) -> bool:
        return self._own is None or self._own not in post.iterancestors() or 2 * _length(post) < _length(self._own)

    def _is_in_running_text(self, link: Element) -> bool:
        """Returns True if a link is in a paragraph of the post or between two: a post says what it is licensed under in
        a line of its own, above or below its text.
        """
        own, order = self._own, self._index.order
        if own is None:
            return False
        block = next(at for at in link.iterancestors() if at is own or at.tag in _BLOCKS)
        if block.tag == "p" and _length(block) >= _SHORT:
            return True
        texts = [order[at] for at in own.iter("p") if at in order and _length(at) >= _SHORT]
        return bool(texts) and texts[0] < order[link] < texts[-1]

    def _is_about_text(self, link: Element, *, is_assumed: bool) -> bool:
        """Returns False if the sentence of a link says that its licence is that of pictures or the like. If it names
        nothing that may have a licence, returns True if that is assumed or it has no other words than the licence's.
        """
        block = next((at for at in link.iterancestors() if at.tag in _BLOCKS), None)
        if block is None:
            return True
        order, around, end = self._index.order, set(link.iterancestors()), self._index.end(link)
        before = after = ""
        texts: Any = block.xpath(".//text()")
        for text in texts:
            at = text.getparent()
            if at not in order:
                continue
            is_after = text.is_tail and (at is link or at in around)
            if is_after or order[at] >= end:
                after += text
                if len(after) > _SHORT:
                    break
            elif not (at is block and text.is_tail):
                before += text
        sentence = (
            _CLAUSE.split(_EXCEPTION.sub("", before[-2 * _SHORT :]))[-1],
            _CLAUSE.split(after.replace(",", ";"))[0],
        )
        for clause in sentence:
            if word := _WORD.search(clause):
                return not (word["other"] or word["unspaced"])
        return is_assumed or _ONLY_LICENCE.fullmatch("".join(sentence)) is not None

    def _is_caption(self, link: Element) -> bool:
        """Returns True if a short element around a link has a picture that is not the badge of a licence."""
        inside = takewhile(lambda at: at is not self._own and at not in self._around, link.iterancestors())
        short = list(takewhile(lambda at: _length(at) < _SHORT, inside))
        images = short[-1].iter("img") if short else ()
        return any(link not in image.iterancestors() and not _BADGE.search(image.get("src") or "") for image in images)


def _words(el: Element) -> list[str]:
    return (el.get("class") or "").lower().split()


def _length(el: Element) -> int:
    length: Any = el.xpath("string-length(normalize-space())")
    return int(length)


def _rank(el: Element) -> tuple[bool, bool, int]:
    around = " ".join(
        f"{at.get('class') or ''} {at.get('id') or ''}" for at in el.iterancestors() if at.tag not in _TOP
    )
    is_beside = _ASIDE.search(around) or _COMMENTS.search(around)
    return not is_beside, next(el.iter("h1"), None) is not None, _length(el)
