"""Converts titles and names of feed items to plain text. Their type says whether they are HTML; if the feed gives no
type, their form decides."""

from __future__ import annotations

import html
import re

from archiver.discovery.safe_parsing import plain_text, replace_controls

# Titles. RSS does not say whether a title is HTML. Many titles are HTML, and many are plain text with angle brackets
# ("List<T>").

_HIDDEN = re.compile(r"<(script|style|template)\b[^<>]*>.*?</\1\s*>|<!--.*?-->", re.DOTALL | re.IGNORECASE)
_INLINE = (
    "a|abbr|acronym|b|bdi|bdo|big|center|cite|code|del|dfn|em|font|i|ins|kbd|mark|nobr|q|s|samp|small|span|strike|strong|"
    "sub|sup|tt|u|var"
)
_BLOCK = "div|h[1-6]|li|ol|p|section|ul"
_PAIR = re.compile(rf"<({_INLINE}|{_BLOCK})(?:\s[^<>]*)?>(?=(.*?)</\1\s*>)", re.DOTALL | re.IGNORECASE)
_FORMATTING = re.compile(rf"</?(?:{_INLINE})(?:\s[^<>]*)?/?>", re.IGNORECASE)
_BREAK = re.compile(rf"</?(?:{_BLOCK}|br|wbr|hr|img)(?:\s[^<>]*)?/?>", re.IGNORECASE)
_VOID = re.compile(r"<(?:br|wbr|hr)\s*/?>|<img\s[^<>]*>", re.IGNORECASE)
_HTML_TAG = re.compile(
    rf"<![^<>]*>|</?(?:{_INLINE}|{_BLOCK}|applet|area|article|aside|audio|base|basefont|blink|blockquote|body|br|button|canvas|caption|col|"
    "colgroup|data|datalist|dd|details|dialog|dir|dl|dt|embed|fieldset|figcaption|figure|footer|form|frame|frameset|"
    "head|header|hgroup|hr|html|iframe|img|input|label|legend|link|main|map|marquee|menu|meta|meter|nav|noscript|object|"
    "optgroup|option|output|param|picture|pre|progress|rp|rt|ruby|script|select|slot|source|style|summary|svg|table|"
    r"tbody|td|template|textarea|tfoot|th|thead|time|title|tr|track|video|wbr)(?:\s[^<>]*)?/?>",
    re.IGNORECASE,
)
_MAX_TITLE = 1_000


def title_text(source: str, kind: str = "") -> str:
    """Returns a title as one line of plain text of at most 1,000 characters.

    If `kind` is "text", angle brackets are text. If it is "html", the tags of known elements are markup, and other
    words in angle brackets are text. If it is "" (unknown), the title is taken for HTML if it has a line break, an
    image, or the start and end tag of an element that formats text, as in "<em>one</em>". Entities are decoded in all
    three cases, since many programs escape plain text twice.
    """
    text = source[: _MAX_TITLE * 8]
    if "<" in text and kind != "text":
        text = _HIDDEN.sub(" ", text)
        if kind == "html":
            text = _HTML_TAG.sub(lambda m: "" if _FORMATTING.fullmatch(m[0]) else " ", text)
        elif _VOID.search(text) or _PAIR.search(text):
            text = _BREAK.sub(" ", _FORMATTING.sub("", text))
    if "&" in text:
        text = html.unescape(html.unescape(text))
    return " ".join(replace_controls(text).split())[:_MAX_TITLE]


# Names of authors. RSS requires an e-mail address in their place, which is not a name.

_MAIL = re.compile(
    r"(?:mailto:\s*)?[\w.+%'-]+(?:@|\s*(?:\[at\]|\(at\)|\{at\})\s*|\s+at\s+(?=[\w-]+(?:\.|\s+dot\s|\s*[\[(]dot)))"
    r"[\w-]+(?:(?:\.|\s*(?:\[dot\]|\(dot\))\s*|\s+dot\s+)[\w-]+)*",
    re.IGNORECASE,
)
_TAG_WITH_MAIL = re.compile(r"<([^<>\s]+@[^<>\s]+)>")
_EMPTY_BRACKETS = re.compile(r"\(\s*\)|<\s*>|\[\s*\]|\{\s*\}")
_IN_BRACKETS = re.compile(r"[(\[<]([^()\[\]<>]*)[)\]>]")
_AROUND_NAME = ' \t"“”„«»,;:|/–—-'


def person_name(source: str) -> str:
    """Returns the name of a person without an e-mail address and the punctuation around it; "" if the text has no name.
    Understands "mail (Name)", "Name (mail)", '"Name" <mail>', "mail, Name", "mailto:mail" and "name at host.example".
    """
    text = plain_text(_TAG_WITH_MAIL.sub(r" \1 ", html.unescape(source[:1_000])), 300)
    bare = _MAIL.sub(" ", text)
    if bare != text:
        bare = _EMPTY_BRACKETS.sub(" ", bare).strip(_AROUND_NAME)
        if not _IN_BRACKETS.sub("", bare).strip(_AROUND_NAME):
            bare = ", ".join(name for m in _IN_BRACKETS.finditer(bare) if (name := m[1].strip(_AROUND_NAME)))
    elif len(bare) > 1 and bare[0] == bare[-1] == '"':
        bare = bare[1:-1]
    name = " ".join(bare.split())
    return name if any(c.isalnum() for c in name) else ""
