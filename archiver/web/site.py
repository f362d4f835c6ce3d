"""What is served: an archive, under which names and addresses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from archiver.web.opened import Archive

DATABASE = "archive"
"""What the archive is called in the addresses of Datasette, whatever its file is: none of them is one of ours."""


@dataclass(frozen=True, slots=True)
class Site:
    """`base` is what all addresses begin with, "/" or "/news/"; `hosts` are the names (without port) that a request may
    be for, none meaning any; `origin` is the scheme and host that readers see, "" where it is what they asked for."""

    archive: Archive
    base: str = "/"
    hosts: frozenset[str] = frozenset()
    origin: str = ""


_SITES: WeakKeyDictionary[Any, Site] = WeakKeyDictionary()


def tell(datasette: Any, site: Site) -> None:
    _SITES[datasette] = site


def site_of(datasette: Any) -> Site:
    """Raises KeyError for a Datasette that `archiver.web.server` did not make."""
    return _SITES[datasette]
