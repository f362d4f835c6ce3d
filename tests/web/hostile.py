"""An archive of a malicious site: attacks in every field of its posts, in its pages, headers, images and
stylesheets.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from archiver.model.urls import urlkey
from archiver.storage.captures import enter_capture
from archiver.storage.database import open_archive
from archiver.storage.field_evidence import pack_evidence
from archiver.storage.transactions import writing
from tests.proved_archive import Run

BAD = "https://bad.example/"
FAR = "http://far.example/"
POST, STYLE, IMAGE, DRAWING, NOTE, FEED = (
    f"{BAD}{name}" for name in ("post?a=1&b=2", "style.css", "dot.png", "drawing.svg", "note.txt", "feed.xml")
)
SHOT = "\"'><img src=x onerror=alert(1)><script>alert(2)</script><svg onload=alert(3)>{{7*7}}\u202e"
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108020000009077"
    "53de0000000c49444154789c63f8cfc0000003010100c9fe92ef0000000049454e44ae426082"
)
CSS = (
    f"@import '{FAR}more.css'; body {{ background: url({FAR}css.png); color: rgb(1, 2, 3) }}"
    f" p {{ width: expression(alert(4)); behavior: url({FAR}x.htc); -moz-binding: url({FAR}x.xml#a) }}"
    " i { background: url(dot.png) } </style><script>alert(5)</script>"
)
SVG = (
    f'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(6)"><script>alert(7)</script>'
    f'<image href="{FAR}svg.png"/>'
    '<foreignObject><body xmlns="http://www.w3.org/1999/xhtml"><iframe src="javascript:alert(8)"/></body>'
    '</foreignObject><rect width="9" height="9"/></svg>'
)
PAGE = f"""<!DOCTYPE html><html lang="en" class="x" onclick="alert(10)"><head><title>A post</title>
<base href="{BAD}"><base href="{FAR}base/">
<meta http-equiv="refresh" content="0;url={FAR}refreshed"><meta http-equiv="Content-Security-Policy" content="">
<meta property="og:type" content="article"><meta property="article:published_time" content="2024-05-01T10:00:00Z">
<link rel="stylesheet" href="{STYLE}"><link rel="stylesheet" href="{FAR}far.css"><link rel="import" href="{FAR}i.html">
<link rel="preload" as="script" href="{FAR}p.js"><link rel="dns-prefetch" href="//far.example">
<style>h1 {{ background: url('{FAR}inline.png') }} b {{ color: rgb(4, 5, 6) }} </sty<!-- --></style>
<style>a:after {{ content: "<\\/style><script>alert(11)<\\/script>" }}</style>
<script>alert(12)</script><script src="{FAR}s.js"></script></head>
<body class="post" onload="alert(13)" background="{FAR}bg.png">
<article><h1>A post <b>of harm</b></h1><p>The harbour master printed new tide tables for the whole of the summer.</p>
<p>They hang at the door of the harbour office, where the lamp is, and are read by all who go out in the night.</p>
<p id="kept" style="background:url({FAR}style.png);color:rgb(7,8,9)">Kept <a id="on" href="/other?x=1#y">other</a>
<a href="javascript:alert(14)">one</a> <a href=" jAva&#10;script:alert(15)">two</a> <a href="data:text/html,<script>
alert(16)</script>">three</a> <a href="vbscript:x" ping="{FAR}ping">four</a> <a href="#kept">five</a></p>
<img id="own" src="dot.png" onerror="alert(17)" srcset="{FAR}set.png 2x"><img src="{FAR}img.png"><img src="x"
onerror="alert(18)"><img src="javascript:alert(19)"><img lowsrc="{FAR}low.png" dynsrc="{FAR}dyn.png">
<img id="drawing" src="drawing.svg"><picture><source srcset="{FAR}pic.png"><img src="{FAR}pic2.png"></picture>
<svg onload="alert(20)"><a xlink:href="javascript:alert(21)"><text>svg</text></a><script>alert(22)</script></svg>
<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=alert(23)&gt;">
</mglyph></table></mtext></math>
<noscript><p title="</noscript><img src=x onerror=alert(24)>"></noscript>
<iframe src="{FAR}frame" srcdoc="<script>alert(25)</script>"></iframe><object data="{FAR}o.swf"></object>
<embed src="{FAR}e.swf"><video src="{FAR}v.mp4" poster="{FAR}poster.png" autoplay></video>
<audio src="{FAR}a.mp3" autoplay onplay="alert(26)"></audio><form action="{FAR}form" id="f"><input name="q"
onfocus="alert(27)" autofocus><button formaction="javascript:alert(28)">send</button></form>
<details open ontoggle="alert(29)"><summary>more</summary></details><marquee onstart="alert(30)">m</marquee>
<template><script>alert(31)</script></template><textarea><script>alert(32)</script></textarea>
<p>{SHOT}</p></article></body></html>"""


def make(folder: Path) -> Path:
    """Create an archive whose article 1 was extracted from a malicious page and has attacks in all its stored fields.
    Captures 1 to 6 are those of POST, STYLE, IMAGE, DRAWING, NOTE and FEED.
    """
    archive = folder / "hostile.db"
    with Run(archive, BAD, datetime(2024, 5, 1, 8, tzinfo=UTC)) as run:
        run.post(POST, PAGE.encode())
        evil = (
            (b"X-Evil", b"a\r\nSet-Cookie: mine=1\r\nRefresh: 0;url=" + FAR.encode()),
            (b"X-Tag", b"<script>alert(1)"),
        )
        for url, kind, body in (
            (STYLE, "text/css", CSS),
            (IMAGE, "image/png", PNG),
            (DRAWING, "image/svg+xml", SVG),
            (NOTE, 'text/plain; x="<script>"', SHOT),
            (FEED, "text/xml", f"<?xml-stylesheet href='{FAR}x.xsl'?><x>{SHOT}</x>"),
        ):
            data = body if isinstance(body, bytes) else body.encode()
            capture = run.capture(url, data, 200, None, *evil, kind=kind)
            run.writer.flush()
            with writing(run.db):
                enter_capture(run.db, run.run_id, capture)
    _overwrite(archive)
    return archive


def _overwrite(archive: Path) -> None:
    db = open_archive(archive)
    texts = (
        "title",
        "description",
        "published_precision",
        "language",
        "image",
        "canonical_url",
        "platform",
        "extractor",
    )
    with db.atomic():
        db.execute(
            f"update articles set {', '.join(f'{name} = ?' for name in texts)}, body = ?, authors = ?, "
            "categories = ?, tags = ?, credits = ?, geotags = ?, evidence = ?",
            [SHOT] * len(texts)
            + [f"{SHOT}\n\nA line.\n\n{SHOT} one\n{SHOT} two"]
            + [_json([SHOT])] * 4
            + [
                _json(
                    [
                        {
                            "latitude": 1.5,
                            "longitude": 2.5,
                            "placename": SHOT,
                            "region": SHOT,
                            "role": SHOT,
                            "source": SHOT,
                        }
                    ]
                ),
                pack_evidence(
                    [
                        {
                            "field": "title",
                            "value": SHOT,
                            "source": SHOT,
                            "locator": SHOT,
                            "confidence": 0.5,
                            "won": 1,
                            "extractor": SHOT,
                        }
                    ]
                ),
            ],
        )
        db.execute("update revisions set title = ?, changed = ?", [SHOT, _json([SHOT])])
        db.execute(
            "insert into revisions (article_id, revision, observed_at, changed, title, content, previous) "
            "select 1, 2, '2024-05-02T00:00:00+00:00', '[\"title\"]', ?, json_set(content, '$.title', ?), 1 "
            "from revisions where article_id = 1",
            [SHOT, f"x {SHOT}"],
        )
        db.execute(
            "insert into article_urls (urlkey, url, article_id, kind) values (?, ?, 1, ?)",
            [urlkey(f"{BAD}2"), f"javascript:alert(40)//{SHOT}", SHOT],
        )
        db.execute(
            "insert into pages (site_id, url, urlkey, kind, outcome, reason, rule, found_at) values "
            "(1, ?, 'x', 'post', 'failed', ?, ?, ?)",
            [f"javascript:alert(41)//{SHOT}", SHOT, SHOT, SHOT],
        )
        db.execute("update runs set reason = ?, mode = ?", [SHOT, SHOT])
        db.execute("update sites set platform = ?, start_url = ?", [SHOT, f"javascript:alert(42)//{SHOT}"])
        db.execute(
            "insert into usage_statements (capture_id, source, agent, name, value) values (1, ?, ?, ?, ?)", [SHOT] * 4
        )


def _json(value: object) -> str:
    return json.dumps(value)
