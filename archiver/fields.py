"""THE field table: one row per field of the record, in the record's order.

Storage, search, export, publication and the docs all walk this table; a new field is one more row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Shape = Literal["text", "integer", "time", "texts", "geotags", "capture"]
"""text and integer are themselves; time is ISO 8601 with zone; texts a list of text; geotags and capture objects."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field. `weight` is its bm25 weight in the full-text index, 0 where it is not indexed.

    `stored` is False for what the record takes from another table than `articles`; `meaning`
    is True where a change of it makes a revision.
    """

    name: str
    shape: Shape
    doc: str
    stored: bool = True
    weight: float = 0.0
    facet: bool = False
    meaning: bool = False
    schema_org: str = ""
    dublin_core: str = ""


FIELDS: tuple[Field, ...] = (
    Field("id", "integer", "number of the article in this archive"),
    Field("url", "text", "address the article was last read at", schema_org="url", dublin_core="identifier"),
    Field("canonical_url", "text", "address the page declares as its own", schema_org="mainEntityOfPage"),
    Field("aliases", "texts", "its other addresses", stored=False, schema_org="sameAs"),
    Field("site", "text", "the site's name: host and, where there is one, the path it is confined to", facet=True,
          schema_org="isPartOf", dublin_core="source"),
    Field("title", "text", "headline, without the site's name", weight=8.0, meaning=True,
          schema_org="headline", dublin_core="title"),
    Field("body", "text", "plain text; blank lines between paragraphs", weight=1.0, meaning=True,
          schema_org="articleBody"),
    Field("authors", "texts", "names of the people or desks that wrote it", weight=4.0, facet=True, meaning=True,
          schema_org="author", dublin_core="creator"),
    Field("published", "time", "when it was published", meaning=True,
          schema_org="datePublished", dublin_core="date"),
    Field("published_precision", "text", "second, minute, hour, day, month or year: how exactly the page said it"),
    Field("modified", "time", "when the page says it was last changed", schema_org="dateModified",
          dublin_core="modified"),
    Field("categories", "texts", "the sections it was filed under", weight=3.0, facet=True, meaning=True,
          schema_org="articleSection", dublin_core="subject"),
    Field("tags", "texts", "its keywords", weight=3.0, facet=True, meaning=True, schema_org="keywords",
          dublin_core="subject"),
    Field("geotags", "geotags",
          "places: latitude, longitude (WGS 84), placename, region, role, source, precision (degrees)", meaning=True,
          schema_org="contentLocation", dublin_core="spatial"),
    Field("language", "text", "BCP 47 tag", facet=True, schema_org="inLanguage", dublin_core="language"),
    Field("description", "text", "the page's own summary", weight=2.0, schema_org="description",
          dublin_core="description"),
    Field("image", "text", "address of the lead image", schema_org="image"),
    Field("credits", "texts", "agencies and outlets the post names as its source", facet=True,
          schema_org="citation", dublin_core="source"),
    Field("revision", "integer", "number of the current revision, from 1"),
    Field("first_seen", "time", "when the archive first read it"),
    Field("last_seen", "time", "when the archive last saw it in place"),
    Field("gone_at", "time", "when it was found to be gone; empty while it is there"),
    Field("duplicate_of", "integer", "number of the earlier article with the same text"),
    Field("cluster_id", "integer", "number of the cluster of near copies", facet=True),
    Field("capture", "capture", "the bytes: captured_at, digest, warc_file, warc_offset, warc_length", stored=False),
)

BY_NAME: dict[str, Field] = {f.name: f for f in FIELDS}
GEOTAG_KEYS: tuple[str, ...] = ("latitude", "longitude", "placename", "region", "role", "source", "precision")
CAPTURE_KEYS: tuple[str, ...] = ("captured_at", "digest", "warc_file", "warc_offset", "warc_length")
