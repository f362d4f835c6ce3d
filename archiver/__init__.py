"""Archiver keeps the complete, deduplicated, searchable and citable archive of news sites and blogs.

The public API: `extract(html, url)` reads one page, `Archive(path)` opens an archive, and `Article` is the content
of a page. Page objects are written with `PageObject`, `field`, `handle_urls` and `EMPTY`. `dataset.load(folder)` loads
a published dataset. All are imported on first use, so that `import archiver` is fast.

>>> import archiver
>>> text = "Fog lay on the quay for three days. The tide came and went unseen, and the ferry stayed in the harbour."
>>> page = f"<article><h1>Fog</h1><time>2024-04-11</time><div class='entry'><p>{text}</p></div></article>"
>>> article = archiver.extract(page, url="https://harbour.example/2024/04/fog/")
>>> article.title, article.published.date().isoformat(), article.body == text
('Fog', '2024-04-11', True)
>>> with archiver.Archive("archive.db") as archive:
...     archive.article(2)["title"]
'Fog'
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from archiver import dataset
    from archiver.archive import Archive
    from archiver.extraction import extract
    from archiver.model.items import Article
    from archiver.sites.page_objects import EMPTY, PageObject, field, handle_urls

__version__ = "0.3.0"
__all__ = ["EMPTY", "Archive", "Article", "PageObject", "__version__", "dataset", "extract", "field", "handle_urls"]

_MODULES = {
    "Archive": "archiver.archive",
    "Article": "archiver.model.items",
    "extract": "archiver.extraction",
    "EMPTY": "archiver.sites.page_objects",
    "PageObject": "archiver.sites.page_objects",
    "field": "archiver.sites.page_objects",
    "handle_urls": "archiver.sites.page_objects",
}


def __getattr__(name: str) -> Any:
    if name == "dataset":
        return importlib.import_module("archiver.dataset")
    if name not in _MODULES:
        raise AttributeError(f"module 'archiver' has no attribute {name!r}")
    return getattr(importlib.import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    """Returns the names of the public API, for completion in IPython and editors."""
    return sorted(__all__)
