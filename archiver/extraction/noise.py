"""What the names of an element (class, id, role) say of it: comments, share buttons, other posts ... and no text."""

from __future__ import annotations

import re
from functools import lru_cache

from lxml.etree import _Element as Element

# Words and pairs of words in names as themes and systems write them: "author-bio", "AuthorBio", "author_bio".
_NEVER = frozenset(
    [
        "share", "sharing", "shares", "sharer", "sharebar", "sharebox", "sharethis", "sharedaddy", "shareaholic",
        "addtoany", "addthis", "social", "socials", "socialshare", "sociallinks", "socialicons", "heateor", "essb",
        "shariff", "related", "relatedposts", "relatedarticles", "relatedcontent", "yarpp", "recirc",
        "recirculation", "recommended", "recommend", "recommendation", "recommendations", "outbrain", "taboola",
        "mgid", "zergnet", "nrelate", "jp-relatedposts", "readmore", "seealso", "newsletter", "newsletters",
        "subscribe", "subscription", "subscriptions", "signup", "optin", "mailchimp", "mailinglist", "mc4wp",
        "comments", "commentlist", "comment", "respond", "disqus", "commenting", "livefyre", "commentform",
        "replies", "breadcrumb", "breadcrumbs", "sidebar", "sidebars", "nav", "navbar", "navigation", "navigate",
        "menu", "menus", "submenu", "pagination", "pager", "paginator", "postnav", "advert", "adverts",
        "advertisement", "advertisements", "advertising", "adslot", "adsense", "adsbygoogle", "adunit", "adbox",
        "adcontainer", "sponsor", "sponsors", "sponsored", "promo", "promos", "promotion", "promoted",
        "promotional", "cta", "ctas", "calltoaction", "toc", "tableofcontents", "cookie", "cookies", "consent",
        "gdpr", "onetrust", "modal", "popup", "popups", "popover", "lightbox", "tooltip", "tooltips", "paywall",
        "regwall", "donate", "donation", "donations", "print", "printonly", "rating", "ratings", "stars",
        "copyright", "colophon", "masthead", "blogroll", "tagcloud", "headerlink", "anchorlink", "permalink",
        "byline", "bylines", "biography", "authorbox", "aboutauthor", "authorinfo", "authorbio", "nocontent",
        "login", "signin", "register", "searchform", "searchbox", "trending", "feedback", "survey", "noprint",
        "offscreen", "skiplink",
    ]
)
_PAIRS = frozenset(
    [
        "author bio", "author box", "author info", "author card", "author description", "author details",
        "author profile", "author name", "author block", "author meta", "author wrapper", "author content",
        "author section", "about author", "about authors", "post author", "entry author", "article author",
        "meta author", "post meta", "entry meta", "article meta", "meta data", "post info", "entry info",
        "post date", "entry date", "article date", "posted on", "published date", "publish date", "post tags",
        "entry tags", "article tags", "tag list", "tags links", "tag links", "post categories", "post category",
        "entry categories", "cat links", "post footer", "entry footer", "article footer", "post nav",
        "post navigation", "read more", "read next", "read also", "also read", "more posts", "more stories",
        "more news", "more articles", "more from", "also like", "you may", "you might", "up next", "next up",
        "next post", "prev post", "previous post", "next prev", "prev next", "most read", "most popular",
        "latest posts", "latest news", "recent posts", "recent articles", "other posts", "other news",
        "similar posts", "similar articles", "back top", "like button", "like box", "likes widget", "screen reader",
        "sr only", "visually hidden", "visuallyhidden", "reader text", "skip link", "site header", "site footer",
        "page footer", "global header", "global footer", "footer widget", "widget area", "call action", "call to",
        "to action", "email form", "lead form", "contact form", "form container", "search form", "table contents",
        "of contents", "tag cloud", "jump to", "ad slot", "ad container", "ad wrapper", "ad unit", "ad label",
        "ad banner", "ad box", "ad break", "ad placeholder", "ad block", "google ad", "wp ad", "inline ad",
        "ad zone", "ads container", "jump links", "follow us", "reading time", "read time", "time read",
        "view count", "post views", "word count", "social icon", "copy link", "product card", "photo credit",
        "image credit", "media credit", "image source", "font size", "text size",
    ]
)
_PIECES = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[^\W\d_a-zA-Z]+|\d+")
# "with-sidebar", "no-comments", "sidebar-layout": said of what stands beside it, not of the element.
_LAYOUT = frozenset(["with", "without", "no", "has", "js", "is", "layout"])


@lru_cache(maxsize=20_000)
def _words(names: str) -> tuple[str, ...]:
    return tuple(word.lower() for word in _PIECES.findall(names))


@lru_cache(maxsize=20_000)
def _verdict(names: str) -> str:
    for name in names.split():
        words = _words(name)
        low = name.lower()
        if _LAYOUT.intersection(words):
            continue
        if low in _NEVER:
            return low
        before = ""
        for word in words:
            if word in _NEVER:
                return word
            pair = f"{before} {word}"
            if pair in _PAIRS:
                return pair
            before = word
    return ""


def said_by_names(el: Element) -> str:
    """The word in an element's class or id that says it is no text of a post, "" where none does."""
    names = el.get("class") or ""
    ident = el.get("id")
    if ident:
        names = f"{names} {ident}"
    return _verdict(names) if names else ""
