"""Mutations of real pages for bench/fuzz. Pure functions: the same seed makes the same page."""

import random
import re

_TAG = re.compile(rb"<[a-zA-Z/][^<>]{0,300}>")
_TAGS = (
    b"div",
    b"p",
    b"article",
    b"table",
    b"td",
    b"li",
    b"ul",
    b"a",
    b"b",
    b"h1",
    b"time",
    b"pre",
    b"form",
    b"svg",
    b"script",
    b"style",
    b"template",
    b"select",
    b"title",
    b"body",
    b"head",
    b"noscript",
    b"br",
    b"meta",
)
_NOISE = (
    b"&amp;amp;",
    b"&#0;",
    b"&#xD800;",
    b"&#1114112;",
    b"&lt;p&gt;",
    b"&nbsp;",
    b"\0",
    b"\xef\xbf\xbe",
    b"\xff",
    b"\xc3\x83\xc2\xa9",
    b"<!--",
    b"-->",
    b"<![CDATA[",
    b"]]>",
    b'"',
    b"'",
    b"<",
    b">",
    b"\xe2\x80\x8f",
    b"{",
    b"}",
)
_ENCODINGS = (
    "utf-16",
    "utf-16-le",
    "utf-16-be",
    "cp1251",
    "cp1252",
    "gb18030",
    "cp932",
    "big5",
    "euc_kr",
    "utf-7",
    "cp037",
)
MAX_BYTES = 20_000_000


def mutated(page: bytes, other: bytes, rng: random.Random) -> bytes:
    """Return a page after one to four mutations."""
    for _ in range(rng.choice((1, 1, 2, 3, 4))):
        page = rng.choice(MUTATIONS)(page, other, rng)[:MAX_BYTES]
    return page


def _span(page: bytes, rng: random.Random, most: int) -> tuple[int, int]:
    start = rng.randrange(len(page) + 1)
    return start, min(len(page), start + rng.randrange(most))


def _tags(page: bytes, rng: random.Random) -> list[re.Match[bytes]]:
    """Return some consecutive tags."""
    found = list(_TAG.finditer(page, rng.randrange(len(page) + 1)))
    return found[: rng.choice((1, 3, 30))]


def flips(page: bytes, other: bytes, rng: random.Random) -> bytes:
    out = bytearray(page)
    for _ in range(rng.choice((1, 10, 1_000)) if out else 0):
        out[rng.randrange(len(out))] = rng.randrange(256)
    return bytes(out)


def cut(page: bytes, other: bytes, rng: random.Random) -> bytes:
    start, end = _span(page, rng, len(page) + 1)
    return rng.choice((page[:start], page[start:], page[start:end], page[:start] + page[end:]))


def splice(page: bytes, other: bytes, rng: random.Random) -> bytes:
    start, end = _span(other, rng, len(other) + 1)
    at = rng.randrange(len(page) + 1)
    return page[:at] + other[start:end] + page[at:]


def tags_gone(page: bytes, other: bytes, rng: random.Random) -> bytes:
    for m in reversed(_tags(page, rng)):
        page = page[: m.start()] + page[m.end() :]
    return page


def tags_twice(page: bytes, other: bytes, rng: random.Random) -> bytes:
    for m in reversed(_tags(page, rng)):
        page = page[: m.start()] + m[0] * rng.choice((2, 5, 500)) + page[m.end() :]
    return page


def tags_other(page: bytes, other: bytes, rng: random.Random) -> bytes:
    for m in reversed(_tags(page, rng)):
        page = page[: m.start()] + b"<" + rng.choice((b"", b"/")) + rng.choice(_TAGS) + b">" + page[m.end() :]
    return page


def nesting(page: bytes, other: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(page) + 1)
    tag, times = rng.choice(_TAGS), rng.choice((3, 300, 20_000))
    shut = b"</" + tag + b">" if rng.random() < 0.5 else b""
    end = min(len(page), at + rng.randrange(5_000))
    return page[:at] + (b"<" + tag + b">") * times + page[at:end] + shut * times + page[end:]


def attributes(page: bytes, other: bytes, rng: random.Random) -> bytes:
    found = _tags(page, rng)[:1]
    if not found:
        return page
    times = rng.choice((10, 1_000, 50_000))
    value = rng.choice((b"", b"=1", b"='x y'", b'="a > b"', b'="\'"', b"='"))
    names = rng.choices((b"a", b"data-", b"class", b"on"), k=times)
    more = b"".join(b" " + name + str(n).encode() + value for n, name in enumerate(names))
    at = found[0].end() - 1
    return page[:at] + more + page[at:]


def long_value(page: bytes, other: bytes, rng: random.Random) -> bytes:
    piece = rng.choice((b"post ", b"a-", b"comment-", b"1 ", b"\xe4\xb8\x80", b"/", b" by "))
    found = _tags(page, rng)[:1]
    if not found:
        return page
    at = found[0].end() - 1
    name = rng.choice((b"class", b"id", b"href", b"content", b"datetime", b"itemprop", b"rel"))
    return page[:at] + b" " + name + b'="' + piece * rng.choice((100, 200_000)) + b'"' + page[at:]


def recoded(page: bytes, other: bytes, rng: random.Random) -> bytes:
    text = page.decode("utf-8", errors="replace")
    if rng.random() < 0.3:
        return text.encode().decode("cp1252", errors="replace").encode()
    return text.encode(rng.choice(_ENCODINGS), errors=rng.choice(("replace", "ignore", "xmlcharrefreplace")))


def noise(page: bytes, other: bytes, rng: random.Random) -> bytes:
    for _ in range(rng.choice((1, 20, 300))):
        at = rng.randrange(len(page) + 1)
        page = page[:at] + rng.choice(_NOISE) + page[at:]
    return page


def repeat_block(page: bytes, other: bytes, rng: random.Random) -> bytes:
    """Repeat a block up to a thousand times."""
    start, end = _span(page, rng, 4_000)
    return page[:end] + page[start:end] * rng.choice((10, 1_000)) + page[end:]


def words(page: bytes, other: bytes, rng: random.Random) -> bytes:
    """Repeat a few characters of the page many times as text."""
    start, end = _span(page, rng, 12)
    piece = page[start:end].replace(b"<", b" ") or b" "
    return page[:end] + piece * rng.choice((1_000, 100_000)) + page[end:]


MUTATIONS = (
    flips,
    cut,
    splice,
    tags_gone,
    tags_twice,
    tags_other,
    nesting,
    attributes,
    long_value,
    recoded,
    noise,
    repeat_block,
    words,
)
