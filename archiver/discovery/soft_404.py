"""Recognizes soft 404s (pages with status 200 that say that the page does not exist) and walls (pages with status 200
that ask for a login or consent).

A crawl requests an address that cannot exist and stores a profile of the response with the site. A page that looks the
same does not exist either, regardless of its status and language.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import cached_property, lru_cache
from itertools import islice
from urllib.parse import unquote, urljoin, urlsplit

from lxml import etree

from archiver.model.lazy_regex import lazy_regex
from archiver.model.urls import Scope, urlkey

_SHINGLE = 3
_MAX_WORDS = 4_000
# If at most this many word sequences of a page are missing from the page for nonexistent addresses, the page has no
# content of its own. Such sequences may come from the time of day or a count of visitors. Even a post of one line and a
# date contains more.
_MAX_OWN_SHINGLES = 8
_MIN_WORDS = 5
"""A page with fewer words than this is probably filled by a script. The source of such a page is the same for every
address, so it does not prove that an address is gone."""
_UNSHOWN = frozenset({"script", "style", "noscript", "template", "head"})
_WORD = lazy_regex(r"[^\W_]+")
_SHORT = 120  # the words of texts with at most this many characters are cached


def probe_url(start_url: str, scope: Scope, token: str) -> str:
    """Returns an address in the site's folder that cannot exist. A crawl requests this address to see how the site
    responds for missing pages. `token` is random.
    """
    parts = urlsplit(start_url)
    return urljoin(f"{parts.scheme}://{parts.netloc}/", f"{scope.path}{token}/")


@dataclass(frozen=True)
class PageFingerprint:
    """What is compared of a page: its title and its first 4,000 words. Words in the page's own address are left out,
    since error pages repeat the address.
    """

    title: str
    words: tuple[str, ...]

    @cached_property
    def shingles(self) -> frozenset[tuple[str, ...]]:
        """Returns all sequences of three words in the page."""
        return frozenset(self.words[i : i + _SHINGLE] for i in range(max(len(self.words) - _SHINGLE + 1, 1)))


def fingerprint_of(root: etree._Element | None, title: str, url: str) -> PageFingerprint:
    """Returns the fingerprint of the page at `url`, given its title and its tree (`root`, None for an empty page)."""
    echoed = frozenset(_words([unquote(url)]))
    words = _words(_texts(root)) if root is not None else []
    return PageFingerprint(
        " ".join(w for w in _words([title]) if w not in echoed), tuple(w for w in words[:_MAX_WORDS] if w not in echoed)
    )


def _texts(root: etree._Element) -> Iterable[str]:
    for element in root.iter():
        if isinstance(element.tag, str) and element.tag not in _UNSHOWN and element.text:
            yield element.text
        if element.tail and element.tag != "title":
            yield element.tail


def _words(texts: Iterable[str]) -> list[str]:
    """Returns the words of texts in NFKC and casefolded, without punctuation."""
    words: list[str] = []
    for text in texts:
        words += _words_of_short(text) if len(text) <= _SHORT else _words_of(text)
    return words


def _words_of(text: str) -> list[str]:
    # Texts in ASCII, and words without punctuation, are most of a page. They need no slow functions.
    words: list[str] = []
    for word in (text if text.isascii() else unicodedata.normalize("NFKC", text)).casefold().split():
        if word.isalnum():
            words.append(word)
        else:
            words += _WORD.findall(word)
    return words


_words_of_short = lru_cache(maxsize=8_192)(_words_of)  # the pages of a site share the texts of their menus


@dataclass(frozen=True, slots=True)
class SoftNotFoundProfile:
    """How a site responds for an address that does not exist.

    - `location`: the urlkey to which the site redirects; "" if it does not redirect.
    - `look`: the fingerprint of the page that the site shows; None if the status is an error.
    - `everywhere`: True if the home page has the same fingerprint. A page with this fingerprint may then exist.
    """

    url: str
    status: int
    location: str = ""
    look: PageFingerprint | None = None
    everywhere: bool = False

    @property
    def has_enough_words(self) -> bool:
        """Returns True if the page for missing addresses has enough words to compare. Pages that scripts fill have too
        few words.
        """
        return self.look is not None and len(self.look.words) >= _MIN_WORDS

    def resembles(self, look: PageFingerprint) -> bool:
        """Returns True if a page looks like the site's page for missing addresses. It must have the same title and
        hardly any other text. If the site's page has few words, all words must be the same.
        """
        if self.look is None or look.title != self.look.title:
            return False
        if not self.has_enough_words:
            return look.words == self.look.words
        return len(look.shingles - self.look.shingles) <= _MAX_OWN_SHINGLES

    def is_like(self, look: PageFingerprint) -> bool:
        """Returns True if a page certainly does not exist, because it looks like the site's page for missing addresses.
        The site's page must have enough words to compare, and must not be what the site shows at all addresses.
        """
        return self.has_enough_words and not self.everywhere and self.resembles(look)

    def is_shell(self, look: PageFingerprint) -> bool:
        """Returns True if a page looks like what the site shows at every address, whether a page exists there or not.
        The response then does not tell whether the page exists.
        """
        return (self.everywhere or not self.has_enough_words) and self.resembles(look)

    def leads_to(self, target: str) -> bool:
        """Returns True if the site redirects missing pages to `target`, a urlkey."""
        return bool(self.location) and urlkey(target) == self.location

    @property
    def reason(self) -> str:
        return f"the same response as for a page that does not exist ({self.url})"


def profile_to_json(profile: SoftNotFoundProfile) -> str:
    return json.dumps({**asdict(profile), "look": asdict(profile.look) if profile.look else None}, ensure_ascii=False)


def profile_from_json(text: str | None) -> SoftNotFoundProfile | None:
    """Returns the profile that `profile_to_json` wrote; None if the text is empty or unreadable."""
    try:
        values = json.loads(text) if text else None
    except ValueError:
        return None
    if not isinstance(values, dict):
        return None
    look = values.get("look")
    return SoftNotFoundProfile(
        values["url"],
        values["status"],
        values["location"],
        PageFingerprint(look["title"], tuple(look["words"])) if look else None,
        bool(values.get("everywhere")),
    )


# Walls: login and consent forms with status 200.

_LOGIN = lazy_regex(
    r"(?:please )?(?:log ?in|sign ?in|anmelden|anmeldung|einloggen|connexion|se connecter|iniciar sesión|"
    r"inicia sesión|accedi|entrar|inloggen|logga in|logg inn|log ind|zaloguj|đăng nhập|"
    r"登录|登入|ログイン|로그인|войти|вход|giriş yap|members? only|"
    r"subscribers? only|nur für (?:mitglieder|abonnenten))\b",
    re.IGNORECASE,
)
_CONSENT_HEADING = lazy_regex(
    r"(?:before you continue|(?:your|about your) privacy|we (?:value|respect|care about) your privacy|privacy|"
    r"(?:this site|we) uses? cookies|cookies?\b|cookie (?:consent|settings|notice)|consent\b|datenschutz|"
    r"(?:ihre )?privatsphäre|zustimm|votre vie privée|vos données|tu privacidad|su privacidad|la tua privacy|"
    r"jouw privacy|uw privacy|sua privacidade|din integritet|twoja prywatność)",
    re.IGNORECASE,
)
_CONSENT = lazy_regex(
    r"(?:accept|agree|consent|allow)\b[^.]{0,40}|akzeptier|zustimmen|einverstanden|j'accepte|tout accepter|accepter|"
    r"aceptar|acepto|accetta|akkoord|aceitar|acceptera|zgadzam|同意|동의|принять|согласен|kabul et",
    re.IGNORECASE,
)
_COOKIES = lazy_regex(
    r"cookie|partner|privacy|gdpr|dsgvo|rgpd|privatsphäre|datenschutz|vie privée|privacidad", re.IGNORECASE
)
_MAX_TEXT_LENGTH = 2_500
_MAX_LINKS = 30


def detect_wall(root: etree._Element | None, title: str) -> str:
    """Returns "login wall" or "consent wall" if the page is a login or consent form; otherwise "". `root` is the page's
    tree, None for an empty page.
    """
    if root is None:
        return ""
    heads = [title, *("".join(map(str, h.itertext())).strip() for h in islice(root.iter("h1", "h2"), 3))]
    login = any(_LOGIN.match(h) for h in heads) and _has_password(root)
    consent = not login and any(_CONSENT_HEADING.match(h) for h in heads) and _has_button(root)
    if not (login or consent) or len(list(islice(root.iter("a"), _MAX_LINKS + 1))) > _MAX_LINKS:
        return ""
    text = " ".join(_form_texts(root))
    if len(text) > _MAX_TEXT_LENGTH:
        return ""
    return "login wall" if login else "consent wall" if _COOKIES.search(text) else ""


def _has_password(root: etree._Element) -> bool:
    return any((field.get("type") or "").lower() == "password" for field in root.iter("input"))


def _has_button(root: etree._Element) -> bool:
    for element in root.iter("button", "input", "a"):
        label = " ".join(map(str, element.itertext())) or element.get("value") or ""
        if (element.tag != "a" or (element.get("role") or "") == "button") and _CONSENT.match(label.strip()):
            return True
    return False


def _form_texts(root: etree._Element) -> list[str]:
    return [
        text.strip()
        for element in root.iter()
        if isinstance(element.tag, str)
        for text in ((element.text or "") if element.tag not in _UNSHOWN else "", element.tail or "")
        if text.strip()
    ]
