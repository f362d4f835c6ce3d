"""Learns, during a crawl, to which form of an address a host redirects. The forms are with or without a slash at the
end, an index file, https or www.

All forms of an address have the same urlkey. Once two addresses of a folder were redirected in the same way and none
answered without a redirect, the crawl requests further addresses of the folder directly in the redirected form. If the
host has no page at that form, the crawl requests the known address, so a wrong guess costs one request and loses
nothing.
"""

from __future__ import annotations

import re
from collections import Counter
from urllib.parse import SplitResult, urlsplit

from archiver.discovery.url_classifier import folder_pattern
from archiver.urls import folder_path

ENOUGH = 2
"""If at least this many addresses of a folder were redirected to a form, the host is believed to redirect all addresses
of the folder to it."""
_ENOUGH_ANYWHERE = 2 * ENOUGH
"""If at least this many addresses were redirected to a form and no address refutes this, the host is believed to
redirect addresses of all folders to it."""
_WWW = re.compile(r"^www\d?\.", re.IGNORECASE)
# An extension begins with a letter, so the last number of a version (/release-1.2.0) is not an extension.
_FILE_EXTENSION = re.compile(r"\.[a-z][a-z0-9]{0,4}$", re.IGNORECASE)
_OPPOSITE = {"slash": "no slash", "https": "http", "www": "no www"}
_OPPOSITE |= {other: name for name, other in _OPPOSITE.items()}
_OF_HOST = ("https", "http", "www", "no www")
_OF_PATH = ("no index file", "slash", "no slash")


def _changed(form: str, parts: SplitResult) -> SplitResult:
    """Returns the address in the form `form`. If this form does not apply to the address, returns it unchanged."""
    path = parts.path or "/"
    if form in ("https", "http"):
        return parts._replace(scheme=form)
    if form == "no www":
        return parts._replace(netloc=_WWW.sub("", parts.netloc))
    if form == "www":
        return parts if _WWW.match(parts.netloc) else parts._replace(netloc=f"www.{parts.netloc}")
    if form == "no index file":
        return parts._replace(path=folder_path(path))
    if form == "slash":
        is_file = path.endswith("/") or _FILE_EXTENSION.search(path)
        return parts if is_file else parts._replace(path=f"{path}/")
    return parts._replace(path=path.rstrip("/") or "/")


class RedirectForms:
    """The forms to which the host of one site redirects addresses, as learned from the responses of one run."""

    def __init__(self) -> None:
        self._confirmed: Counter[tuple[str, str]] = Counter()
        self._anywhere: Counter[str] = Counter()
        self._refuted: set[tuple[str, str]] = set()
        self._refuted_anywhere: set[str] = set()

    def record_redirect(self, asked: str, target: str) -> None:
        """Records that an address was redirected to another form of itself."""
        before, after = urlsplit(asked), urlsplit(target)
        for form in (*_OF_HOST, *_OF_PATH):
            if form == "slash":  # removes the index file first, since it hides the slash before it
                before = before._replace(path=folder_path(before.path))
            changed = _changed(form, before)
            if changed != before and _agree(form, changed, after):
                self._confirmed[(form, _folder(form, asked))] += 1
                self._anywhere[form] += 1
                if other := _OPPOSITE.get(form):
                    self._refute(other, asked)

    def record_response(self, url: str) -> None:
        """Records that an address answered without a redirect, which refutes that the host redirects to other forms."""
        parts = urlsplit(url)
        for form in (*_OF_HOST, *_OF_PATH):
            if _changed(form, parts) != parts:
                self._refute(form, url)

    def _refute(self, form: str, url: str) -> None:
        self._refuted.add((form, _folder(form, url)))
        self._refuted_anywhere.add(form)

    def redirected(self, url: str) -> str:
        """Returns the form of an address to which its host is believed to redirect it; the address itself if none is
        known.
        """
        if not self._anywhere:
            return url
        parts = urlsplit(url)
        for form in (*_OF_HOST, *_OF_PATH):
            if self._is_believed(form, url):
                parts = _changed(form, parts)
        return parts.geturl()

    def is_undecided(self, url: str) -> bool:
        """Returns True if no response has yet shown whether the host redirects an address to a different form of its
        path.
        """
        parts = urlsplit(url)
        return any(
            _changed(form, parts) != parts and form not in self._refuted_anywhere and not self._is_believed(form, url)
            for form in _OF_PATH
        )

    def _is_believed(self, form: str, url: str) -> bool:
        key = (form, _folder(form, url))
        return key not in self._refuted and (
            self._confirmed[key] >= ENOUGH
            or (self._anywhere[form] >= _ENOUGH_ANYWHERE and form not in self._refuted_anywhere)
        )


def _agree(form: str, changed: SplitResult, after: SplitResult) -> bool:
    """Returns True if `changed`, an address in the form `form`, agrees with the redirect's target `after` in the part
    that this form concerns: the scheme, the host or the path.
    """
    if form in ("https", "http"):
        return changed.scheme == after.scheme
    if form in _OF_HOST:
        return changed.netloc == after.netloc
    if form == "no index file":
        return changed.path.rstrip("/") == after.path.rstrip("/")
    return changed.path == after.path


def _folder(form: str, url: str) -> str:
    """Returns the folder for which a form is learned; "" for https and www, which are the same for all folders."""
    return "" if form in _OF_HOST else folder_pattern(url).key
