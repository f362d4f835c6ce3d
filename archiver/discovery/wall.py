"""Walls: a login or consent form with status 200 in place of a page.

Only pages that show little else are walls: a notice above a visible post hides nothing.
"""

from __future__ import annotations

import re

from lxml import etree

_LOGIN = re.compile(
    r"(?:please )?(?:log ?in|sign ?in|anmelden|anmeldung|einloggen|connexion|se connecter|iniciar sesión|"
    r"inicia sesión|accedi|entrar|inloggen|logga in|logg inn|log ind|zaloguj|đăng nhập|"
    r"登录|登入|ログイン|로그인|войти|вход|giriş yap|members? only|"
    r"subscribers? only|nur für (?:mitglieder|abonnenten))\b", re.IGNORECASE)
_CONSENT_HEADING = re.compile(
    r"(?:before you continue|(?:your|about your) privacy|we (?:value|respect|care about) your privacy|privacy|"
    r"(?:this site|we) uses? cookies|cookies?\b|cookie (?:consent|settings|notice)|consent\b|datenschutz|"
    r"(?:ihre )?privatsphäre|zustimm|votre vie privée|vos données|tu privacidad|su privacidad|la tua privacy|"
    r"jouw privacy|uw privacy|sua privacidade|din integritet|twoja prywatność)", re.IGNORECASE)
_CONSENT = re.compile(
    r"(?:accept|agree|consent|allow)\b[^.]{0,40}|akzeptier|zustimmen|einverstanden|j'accepte|tout accepter|accepter|"
    r"aceptar|acepto|accetta|akkoord|aceitar|acceptera|zgadzam|同意|동의|принять|согласен|kabul et", re.IGNORECASE)
_COOKIES = re.compile(r"cookie|partner|privacy|gdpr|dsgvo|rgpd|privatsphäre|datenschutz|vie privée|privacidad",
                      re.IGNORECASE)
_MOST_TEXT = 2_500
_MOST_LINKS = 30
_UNSHOWN = frozenset({"script", "style", "noscript", "template", "head"})


def wall_of(root: etree._Element | None, title: str) -> str:
    """ "login wall", "consent wall", or "" for a page that shows something of its own."""
    if root is None:
        return ""
    heads = [title, *("".join(map(str, h.itertext())).strip() for h in list(root.iter("h1", "h2"))[:3])]
    login = any(_LOGIN.match(h) for h in heads) and _has_password(root)
    consent = not login and any(_CONSENT_HEADING.match(h) for h in heads) and _has_button(root)
    if not (login or consent) or len(list(root.iter("a"))) > _MOST_LINKS:
        return ""
    text = " ".join(_texts(root))
    if len(text) > _MOST_TEXT:
        return ""
    return "login wall" if login else "consent wall" if _COOKIES.search(text) else ""


def _has_password(root: etree._Element) -> bool:
    return any((field.get("type") or "").lower() == "password" for field in root.iter("input"))


def _has_button(root: etree._Element) -> bool:
    for element in root.iter("button", "input", "a"):
        said = " ".join(map(str, element.itertext())) or element.get("value") or ""
        if (element.tag != "a" or (element.get("role") or "") == "button") and _CONSENT.match(said.strip()):
            return True
    return False


def _texts(root: etree._Element) -> list[str]:
    return [text.strip() for element in root.iter() if isinstance(element.tag, str)
            for text in ((element.text or "") if element.tag not in _UNSHOWN else "", element.tail or "")
            if text.strip()]
