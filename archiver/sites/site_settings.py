"""The settings of a site: their names, how each value is read, and what they mean. Tags are read here, too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from archiver.frontier.cadence import DEFAULT_CADENCE, parse_blackout, parse_cadence
from archiver.frontier.edit_estimates import DEFAULT_SAMPLE
from archiver.model.errors import BadSetting
from archiver.model.words import did_you_mean
from archiver.storage.requisites import MODES

PUBLISHED = ("reference", "features", "excerpt", "full")


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting of a site: its name, a function that parses its value (and raises ValueError with a reason), and its
    help text.
    """

    name: str
    read: Callable[[str], Any]
    doc: str


def _number_parser(low: float) -> Callable[[str], float]:
    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            raise ValueError(f"{text!r} is not a number") from None
        if not low <= value <= 1e6:
            raise ValueError(f"it must be between {low:g} and 1,000,000")
        return value

    return read


def _parse_whole_number(text: str, low: int = 1) -> int:
    value = _number_parser(low)(text)
    if value != int(value):
        raise ValueError(f"{text!r} is not a whole number")
    return int(value)


def _parse_sample(text: str) -> int:
    return _parse_whole_number(text, low=0)


def _parse_yes_no(text: str) -> bool:
    if text.lower() not in ("yes", "no"):
        raise ValueError("it must be yes or no")
    return text.lower() == "yes"


def _parse_contact(text: str) -> str:
    if "@" not in text and not text.startswith(("http://", "https://")):
        raise ValueError("give an e-mail address or the URL of a page")
    return text


def _parse_cdx(text: str) -> str | None:
    # Imported late because it loads lxml, which a search does not need.
    from archiver.discovery.cdx import SERVICES, service_address

    if text.lower() == "no":
        return None
    service_address(text)
    return text.lower() if text.lower() in SERVICES else text


def _parse_requisites(text: str) -> str:
    if text.lower() not in MODES:
        raise ValueError(f"it must be one of {', '.join(MODES)}")
    return text.lower()


def _parse_tier(text: str) -> str:
    if text.lower() not in PUBLISHED:
        raise ValueError(f"it must be one of {', '.join(PUBLISHED)}")
    return text.lower()


def _parse_cadence(text: str) -> str:
    return str(parse_cadence(text))


def _parse_blackout(text: str) -> str:
    return str(parse_blackout(text))


SITE_SETTINGS: tuple[Setting, ...] = (
    Setting("delay", _number_parser(0), "seconds between two requests to its host"),
    Setting("revisit_days", _parse_whole_number, "days within which every known page is fetched again"),
    Setting(
        "sample_posts",
        _parse_sample,
        "number of known posts that each run fetches again if no source says when posts are edited (default: "
        f"{DEFAULT_SAMPLE}; 0: none)",
    ),
    Setting("max_pages", _parse_whole_number, "maximum number of pages fetched in one run"),
    Setting("max_megabytes", _number_parser(0.001), "maximum megabytes (1,000,000 bytes) received in one run"),
    Setting("max_minutes", _number_parser(0.001), "maximum minutes that one run takes"),
    Setting("contact", _parse_contact, "e-mail address or web page given in the User-Agent to this site"),
    Setting(
        "cdx",
        _parse_cdx,
        "internet-archive, or the URL of another web archive's CDX server, which lists the URLs "
        "that the site had; no: none",
    ),
    Setting(
        "requisites",
        _parse_requisites,
        "what is captured with a post's page: lead (its lead image, the default), all "
        "(all images, stylesheets and fonts of the page) or none",
    ),
    Setting(
        "publish",
        _parse_tier,
        "the most that may be published of its posts: reference, features, excerpt or full (docs/datasets.md)",
    ),
    Setting("licence", str, "the licence of its posts: a URL or an SPDX identifier"),
    Setting(
        "crawl", _parse_yes_no, "no: crawl the site only if it is named (the default for sites that an import added)"
    ),
    Setting("private", _parse_yes_no, "yes: its host may have a private IP address, in your own network"),
    Setting(
        "cadence",
        _parse_cadence,
        "how often 'archiver schedule' crawls it: a period (6h, 2d), cron:MINUTE HOUR DAY "
        "MONTH WEEKDAY in UTC, or adaptive:1h..7d, as often as it has new posts "
        f"({DEFAULT_CADENCE} is the default)",
    ),
    Setting(
        "blackout",
        _parse_blackout,
        "hours in which 'archiver schedule' does not crawl it: 08:00-18:00, or 'mon-fri 08:00-18:00 Europe/Berlin' "
        "(the time zone is UTC if none is given)",
    ),
)
"""The settings that a site can have."""


def read_setting(text: str) -> tuple[str, Any]:
    """Parses KEY=VALUE into the setting's name and value; an empty VALUE gives None, which resets the setting. Raises
    BadSetting.
    """
    key, equals, value = text.partition("=")
    key, value = key.strip(), value.strip()
    if not equals:
        raise BadSetting(text, "write it as KEY=VALUE, for example delay=2")
    known = {s.name: s for s in SITE_SETTINGS}
    if key not in known:
        question = did_you_mean(key, known)
        end = "? The" if question else "; the"
        raise BadSetting(text, f"there is no setting {key!r}{question}{end} settings are {', '.join(known)}")
    try:
        return key, known[key].read(value) if value else None
    except ValueError as error:
        raise BadSetting(text, str(error)) from error


_MAX_TAG = 60


def read_tag(text: str) -> str:
    """Returns a site tag in its stored form: lower case, single spaces. Raises BadSetting if the tag is empty, is too
    long or contains a comma.
    """
    tag = " ".join(text.lower().split())
    if not tag or len(tag) > _MAX_TAG or "," in tag or not tag.isprintable():
        raise BadSetting(text, f"a tag must have 1 to {_MAX_TAG} characters and no comma")
    return tag
