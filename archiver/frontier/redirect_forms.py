"""How a host spells its addresses, learned from its redirects: known pages are then requested as it spells them."""

from __future__ import annotations

import re
from collections import Counter
from urllib.parse import SplitResult, urlsplit

from archiver.discovery.url_classifier_and_patterns import folder_pattern
from archiver.lazy_regex import lazy_regex
from archiver.urls import folder_path

ENOUGH_REDIRECTS = 2
"""If at least this many addresses of a folder were redirected to the same spelling (https, a slash at the end ...), the
host is believed to redirect all addresses of the folder to it."""


_ENOUGH_ANYWHERE = 2 * ENOUGH_REDIRECTS
"""If at least this many addresses were redirected to the same spelling and no address refutes this, the host is
believed to redirect addresses of all folders to it."""


_WWW = lazy_regex(r"^www\d?\.", re.IGNORECASE)


# An extension begins with a letter, so the last number of a version (/release-1.2.0) is not an extension.
_FILE_EXTENSION = lazy_regex(r"\.[a-z][a-z0-9]{0,4}$", re.IGNORECASE)


_OPPOSITE = {"slash": "no slash", "https": "http", "www": "no www"}


_OF_HOST = ("https", "http", "www", "no www")


_OF_PATH = ("no index file", "slash", "no slash")


def _changed(form: str, parts: SplitResult) -> SplitResult:
    """Returns the address changed to the spelling `form` ("https", "www", "slash" and so on); unchanged if it cannot
    have this spelling.
    """
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
    """The spellings (https, without www, with a slash at the end ...) to which the host of one site redirects
    addresses, as learned from the responses of one run. In the code, such a spelling is called a form.
    """

    def __init__(self) -> None:
        self._confirmed: Counter[tuple[str, str]] = Counter()
        self._anywhere: Counter[str] = Counter()
        self._refuted: set[tuple[str, str]] = set()
        self._refuted_anywhere: set[str] = set()

    def record_redirect(self, asked: str, target: str) -> None:
        """Records that an address (`asked`) was redirected to a different spelling of itself (`target`)."""
        before, after = urlsplit(asked), urlsplit(target)
        for form in (*_OF_HOST, *_OF_PATH):
            if form == "slash":  # "/blog/index.html" has its slash before the index file
                before = before._replace(path=folder_path(before.path))
            changed = _changed(form, before)
            if changed != before and _agree(form, changed, after):
                self._confirmed[(form, _folder(form, asked))] += 1
                self._anywhere[form] += 1
                if other := _OPPOSITE.get(form):
                    self._refute(other, asked)

    def record_response(self, url: str) -> None:
        """Records that an address answered without a redirect. From now on, its host is not believed to redirect to the
        spellings that this address does not have, such as https or a slash at the end.
        """
        parts, folder = urlsplit(url), _folder("slash", url)
        for form in (*_OF_HOST, *_OF_PATH):
            is_refuted = (form, "" if form in _OF_HOST else folder) in self._refuted
            if not is_refuted and _changed(form, parts) != parts:
                self._refute(form, url)

    def _refute(self, form: str, url: str) -> None:
        self._refuted.add((form, _folder(form, url)))
        self._refuted_anywhere.add(form)

    def redirected(self, url: str) -> str:
        """Returns the spelling of an address (https, slash at the end ...) to which its host is believed to redirect
        it; the address itself if the host is not believed to redirect it.
        """
        if not self._anywhere:
            return url
        parts = urlsplit(url)
        for form in (*_OF_HOST, *_OF_PATH):
            if self._is_believed(form, url):
                parts = _changed(form, parts)
        return parts.geturl()

    def is_undecided(self, url: str) -> bool:
        """Returns True if no response has yet shown whether the host redirects an address to a different spelling of
        its path.
        """
        parts = urlsplit(url)
        return any(
            _changed(form, parts) != parts and form not in self._refuted_anywhere and not self._is_believed(form, url)
            for form in _OF_PATH
        )

    def _is_believed(self, form: str, url: str) -> bool:
        key = (form, _folder(form, url))
        return key not in self._refuted and (
            self._confirmed[key] >= ENOUGH_REDIRECTS
            or (self._anywhere[form] >= _ENOUGH_ANYWHERE and form not in self._refuted_anywhere)
        )


def _agree(form: str, changed: SplitResult, after: SplitResult) -> bool:
    """Returns True if `changed`, an address that was changed to the spelling `form`, equals the redirect's target
    `after` in the part that this spelling changes: the scheme, the host or the path.
    """
    if form in ("https", "http"):
        return changed.scheme == after.scheme
    if form in _OF_HOST:
        return changed.netloc == after.netloc
    if form == "no index file":
        return changed.path.rstrip("/") == after.path.rstrip("/")
    return changed.path == after.path


def _folder(form: str, url: str) -> str:
    """Returns the folder of an address, since redirects to the spelling `form` are learned for each folder. Returns ""
    for https and www, which are learned for the whole host.
    """
    return "" if form in _OF_HOST else folder_pattern(url).key
