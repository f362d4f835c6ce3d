"""The names of an element (class, id, role) that mark it as no text: comments, share buttons, other posts ..."""

from __future__ import annotations

import re
from functools import lru_cache

from lxml.etree import _Element as Element

# Words and pairs of words in names, as themes and systems write them: "author-bio", "AuthorBio", "author_bio".
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
        "offscreen", "skiplink", "caption", "captions", "disclaimer", "disclaimers", "disclosure",
    ]
)
_PAIRS = frozenset(
    [
        "about author", "about authors", "ad banner", "ad block", "ad box", "ad break", "ad container", "ad label",
        "ad placeholder", "ad slot", "ad unit", "ad wrapper", "ad zone", "ads container", "also like", "also read",
        "article author", "article date", "article footer", "article meta", "article tags", "author bio",
        "author block", "author box", "author card", "author content", "author description", "author details",
        "author info", "author meta", "author name", "author profile", "author section", "author wrapper",
        "back top", "call action", "call to", "cat links", "contact form", "copy link", "email form",
        "entry author", "entry categories", "entry date", "entry footer", "entry info", "entry meta", "entry tags",
        "follow us", "font size", "footer widget", "form container", "global footer", "global header", "google ad",
        "grid posts", "image credit", "image source", "inline ad", "jump links", "jump to", "latest news",
        "latest posts", "lead form", "like box", "like button", "likes widget", "loop item", "media credit",
        "meta author", "meta data", "more articles", "more from", "more news", "more posts", "more stories",
        "most popular", "most read", "next post", "next prev", "next up", "of contents", "other news",
        "other posts", "page footer", "photo credit", "post author", "post card", "post cards", "post categories",
        "post category", "post date", "post footer", "post grid", "post info", "post item", "post items",
        "post list", "post meta", "post nav", "post navigation", "post tags", "post teaser", "post views",
        "posted on", "posts grid", "posts list", "prev next", "prev post", "previous post", "product card",
        "publish date", "published date", "read also", "read more", "read next", "read time", "reader text",
        "reading time", "recent articles", "recent posts", "screen reader", "search form", "similar articles",
        "similar posts", "site footer", "site header", "skip link", "social icon", "sr only", "table contents",
        "tag cloud", "tag links", "tag list", "tags links", "text size", "time read", "to action", "up next",
        "view count", "visually hidden", "visuallyhidden", "widget area", "word count", "wp ad", "you may",
        "you might",
    ]
)
# Comments and other posts may well be longer than the post.
LONG = frozenset(
    ["comments", "comment", "commentlist", "disqus", "replies", "related", "relatedposts", "recommended"]
)
_PIECES = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[^\W\d_a-zA-Z]+|\d+")
# "with-sidebar", "no-comments", "sidebar-layout": about what is beside the element, not the element itself.
_LAYOUT = frozenset(["with", "without", "no", "has", "js", "is", "layout"])
_FOOTER = re.compile(r"(?:^|\s)(?:(?:page|site)?[_-]?footer|colophon|copyright)(?:$|\s)", re.IGNORECASE)


@lru_cache(maxsize=8_192)
def names_footer(names: str) -> bool:
    """Whether classes and ids name the footer of a page."""
    return bool(_FOOTER.search(names))


@lru_cache(maxsize=20_000)
def _verdict(names: str) -> str:
    return next((word for name in names.split() if (word := _verdict_of_one(name))), "")


@lru_cache(maxsize=20_000)
def _verdict_of_one(name: str) -> str:
    words: list[str] = [word.lower() for word in _PIECES.findall(name)]
    if not _LAYOUT.isdisjoint(words):
        return ""
    if (low := name.lower()) in _NEVER:
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
    """The word in an element's class or id that marks it as no text of a post, "" if there is none."""
    names = el.get("class") or ""
    ident = el.get("id")
    if ident:
        names = f"{names} {ident}"
    return _verdict(names) if names else ""
