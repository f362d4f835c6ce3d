"""Reads the HTML that an article's markup is written as, back into a text and its marks."""

from __future__ import annotations

from lxml import etree

from archiver.extraction.blocks import lay_out, written_text
from archiver.extraction.body_markup import find_markup
from archiver.extraction.normalization import tidy_body
from archiver.extraction.page import parse_page
from archiver.markup.text_marks import RECORDINGS
from archiver.model.items import MarkedText

URL = "https://round.example/2024/post"


def read_html(html: str, url: str = URL) -> MarkedText:
    """Returns the text of an HTML fragment with its marks. Nothing is left out of it as boilerplate."""
    page = parse_page(f"<html><body><div id='whole'>{html}</div></body></html>", url)
    top = page.index.first("#whole")
    assert top is not None
    for link in list(top.iter("a")):
        if link.get("class") in RECORDINGS:
            _put_recording(link)
    layout = lay_out(top, set(top.iter("figcaption")))
    body = tidy_body(written_text(layout.blocks, layout))
    return MarkedText(body, find_markup(page, top, layout, layout.blocks, body))


def _put_recording(link: etree._Element) -> None:
    """Replaces a link that was written for a recording by the recording."""
    parent = link.getparent()
    assert parent is not None
    recording = etree.SubElement(parent, str(link.get("class")), src=str(link.get("href")))
    if link.text and link.text != link.get("href"):
        recording.set("title", link.text)
    parent.remove(link)
