"""The citation of an article as a file for a reference manager."""

from __future__ import annotations

from archiver.search.citations import STYLES, cited
from archiver.store import records
from archiver.web.answer import Asked, CannotAnswer, Sent
from archiver.web.named import article_of, version_of

_FILES = {"bibtex": ("bib", "application/x-bibtex"), "ris": ("ris", "application/x-research-info-systems"),
          "csl-json": ("json", "application/vnd.citationstyles.csl+json")}


def page(asked: Asked) -> Sent:
    number, revision, style = article_of(asked), version_of(asked, "revision"), asked.named["style"]
    if style not in STYLES:
        raise CannotAnswer(f"cite as {style}", f"a citation has one of the styles {', '.join(STYLES)}")
    record = (records.record(asked.db, number) if revision is None
              else records.revision_record(asked.db, number, revision))
    ending, kind = _FILES[style]
    return Sent(STYLES[style]([cited(record, version=revision is not None)]), f"{kind}; charset=utf-8",
                headers={"content-disposition": f'attachment; filename="article-{number}.{ending}"'})
