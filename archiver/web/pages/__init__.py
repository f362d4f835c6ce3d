"""The pages: one file each, this table of them."""

from __future__ import annotations

import importlib
import re
from dataclasses import dataclass

from archiver.web.answer import Answer, Answering, Asked, Download, Sent


@dataclass(frozen=True, slots=True)
class Page:
    """One page: `path` is its address, in which "{name}" is anything without a slash and "{name*}" anything; the
    function `page` of the module answers it. `label` is its name in the navigation, "" where it has none there.

    Each has a twin as JSON, at the same address with .json behind it or with ?_format=json (where a name ends so
    itself, ?_format=html says that it is no twin); but for those that name an address of the web at their end
    (`names_address`), which is anything, and is given as it was sent.
    """

    path: str
    module: str
    label: str = ""
    names_address: bool = False

    @property
    def address(self) -> str:
        """The path as a regular expression, of the address as it was sent (percent-encoded)."""
        pattern = re.sub(r"\\\{(\w+)(\\\*)?\\\}", lambda m: f"(?P<{m[1]}>{'.+?' if m[2] else '[^/]+?'})",
                         re.escape(self.path))
        return f"{pattern}$" if self.names_address else f"{pattern}(?P<twin>\\.json)?$"

    def answer(self, asked: Asked) -> Answer | Sent | Download:
        answering: Answering = importlib.import_module(f"archiver.web.pages.{self.module}").page
        return answering(asked)


PAGES: tuple[Page, ...] = (
    Page("/", "search"),
    Page("/search", "search", "Search"),
    Page("/trends", "trends", "Trends"),
    Page("/concordance", "concordance", "In context"),
    Page("/searches", "searches", "Saved searches"),
    Page("/searches/{name}", "saved_search"),
    Page("/searches/{name}/feed", "feed"),
    Page("/collection", "collection", "Collection"),
    Page("/export", "export"),
    Page("/sites", "sites", "Sites"),
    Page("/site/{name*}", "site"),
    Page("/article/{id}", "article"),
    Page("/-/metrics", "metrics"),
    Page("/article/{id}/evidence", "evidence"),
    Page("/article/{id}/versions", "versions"),
    Page("/article/{id}/diff", "diff"),
    Page("/article/{id}/cite/{style}", "cite"),
    Page("/article/{id}/image", "image"),
    Page("/article/{id}/captures", "captures"),
    Page("/capture/{number}", "capture"),
    Page("/capture/{number}/record", "record"),
    Page("/capture/{number}/payload", "payload"),
    Page("/captures/{place*}", "address", names_address=True),
    Page("/view/{place*}", "view", names_address=True),
    Page("/web/{place*}", "web", names_address=True),
)
