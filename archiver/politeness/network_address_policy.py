"""Decides which network addresses a crawl may reach: the public internet, and private addresses that the user allowed.

Zones follow IANA's registries of special-purpose addresses (RFC 6890, sections 2.2.2 and 2.2.3, as amended since).
This module has its own tables because the tables of `ipaddress` change between Python releases.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from urllib.parse import unquote, urlsplit

from archiver.model.lazy_regex import lazy_regex
from archiver.model.urls import Scope

Address = IPv4Address | IPv6Address


class AddressZone(StrEnum):
    """A part of the network to which IP addresses belong: public, loopback, private ... The value is the name that
    messages use.
    """

    PUBLIC = "public"
    LOOPBACK = "loopback"
    PRIVATE = "private"
    LINK_LOCAL = "link-local"
    SHARED = "shared"
    DOCUMENTATION = "documentation"
    MULTICAST = "multicast"
    UNSPECIFIED = "unspecified"
    RESERVED = "reserved"
    METADATA = "cloud metadata"


PERMITTABLE = frozenset(
    {AddressZone.LOOPBACK, AddressZone.PRIVATE, AddressZone.LINK_LOCAL, AddressZone.SHARED, AddressZone.UNSPECIFIED}
)
"""The zones that a person may allow for a site: those in which a person may have hosts."""

# The first row that contains an address decides.
_ZONES: tuple[tuple[IPv4Network | IPv6Network, AddressZone], ...] = tuple(
    (ip_network(net), zone)
    for zone, nets in (
        # The metadata services of AWS, Azure, Google, Alibaba and Oracle, which give credentials to any program on the
        # machine.
        (
            AddressZone.METADATA,
            "169.254.169.254/32 169.254.170.2/32 168.63.129.16/32 100.100.100.200/32 192.0.0.192/32 "
            "fd00:ec2::254/128 fd20:ce::254/128",
        ),
        (AddressZone.UNSPECIFIED, "0.0.0.0/8 ::/128"),
        (AddressZone.LOOPBACK, "127.0.0.0/8 ::1/128"),
        (AddressZone.PRIVATE, "10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 fc00::/7 fec0::/10 64:ff9b:1::/48"),
        (AddressZone.LINK_LOCAL, "169.254.0.0/16 fe80::/10"),
        (AddressZone.SHARED, "100.64.0.0/10"),
        (AddressZone.DOCUMENTATION, "192.0.2.0/24 198.51.100.0/24 203.0.113.0/24 2001:db8::/32 3fff::/20"),
        (AddressZone.MULTICAST, "224.0.0.0/4 ff00::/8"),
        (AddressZone.RESERVED, "192.0.0.0/24 192.88.99.0/24 198.18.0.0/15 240.0.0.0/4 2001::/23 100::/64"),
    )
    for net in nets.split()
)
_UNICAST = IPv6Network("2000::/3")  # no other IPv6 unicast addresses are assigned (RFC 4291, section 2.4)

# IPv6 addresses that contain an IPv4 address, and the number of bits after it: IPv4-mapped and -compatible (RFC 4291,
# section 2.5.5), IPv4-translated (RFC 2765), NAT64 (RFC 6052), 6to4 (RFC 3056).
_EMBEDDING = tuple(
    (IPv6Network(net), shift)
    for net, shift in (
        ("::ffff:0:0/96", 0),
        ("::ffff:0:0:0/96", 0),
        ("::/96", 0),
        ("64:ff9b::/96", 0),
        ("2002::/16", 80),
    )
)

# Names that always mean this machine or its network: RFC 6761 (section 6.3), RFC 6762 (section 3), RFC 8375, and the
# resolution of ICANN's board on .internal (2024-07-29).
_OWN_NAMES = lazy_regex(r"(?:.+\.)?(localhost|localhost\.localdomain|ip6-localhost|ip6-loopback)")
_LOCAL_NAMES = lazy_regex(r".+\.(?:local|internal|home\.arpa|localdomain)")
_METADATA_NAMES = frozenset({"metadata.google.internal", "instance-data.ec2.internal"})
_NUMBER = lazy_regex(r"(?:0[xX][0-9a-fA-F]*|[0-9]+)")


def zone_of(address: Address) -> AddressZone:
    """Returns the zone of an IP address. An IPv6 address that contains an IPv4 address has the zone of the IPv4
    address.
    """
    for net, zone in _ZONES:
        if address.version == net.version and address in net:
            return zone
    if isinstance(address, IPv4Address):
        return AddressZone.PUBLIC
    for net, shift in _EMBEDDING:
        if address in net:
            return zone_of(IPv4Address((int(address) >> shift) & 0xFFFFFFFF))
    return AddressZone.PUBLIC if address in _UNICAST else AddressZone.RESERVED


def parse_ip_address(host: str) -> Address | None:
    """Parses a host as an IP address, in any spelling that a resolver accepts; returns None if the host is a name.

    An IPv4 address is read as by inet_aton: one to four numbers, decimal, octal or hexadecimal, of which the last fills
    the remaining bytes (also URL Standard, section 3.5, "IPv4 parser"). An IPv6 address may have brackets and a zone.
    """
    text = unquote(host).strip("[]").rstrip(".")
    if ":" in text:
        try:
            return IPv6Address(text.partition("%")[0])
        except ValueError:
            return None
    parts = text.split(".")
    if len(parts) > 4 or not all(_NUMBER.fullmatch(p) for p in parts):
        return None
    try:
        *high, last = [_number(p) for p in parts]
    except ValueError:
        return None
    room = 8 * (4 - len(high))
    if any(n > 255 for n in high) or last >= 1 << room:
        return None
    return IPv4Address(sum(n << 8 * (3 - at) for at, n in enumerate(high)) + last)


def _number(text: str) -> int:
    if len(text) > 40:
        raise ValueError(text)
    if text[:2].lower() == "0x":
        return int(text[2:] or "0", 16)
    return int(text, 8) if len(text) > 1 and text.startswith("0") else int(text)


def zone_of_host(host: str) -> AddressZone | None:
    """Returns the zone of a host without resolving it; None for a name that must be resolved first."""
    if (address := parse_ip_address(host)) is not None:
        return zone_of(address)
    name = unquote(host).lower().rstrip(".")
    if name in _METADATA_NAMES:
        return AddressZone.METADATA
    if _OWN_NAMES.fullmatch(name):
        return AddressZone.LOOPBACK
    return AddressZone.PRIVATE if _LOCAL_NAMES.fullmatch(name) else None


@dataclass(frozen=True, slots=True)
class Permission:
    """The private network addresses that one crawl may reach in addition to the public internet.

    - `site`: the name of the site, for messages.
    - `zones`: zones that are allowed at `host` (with its port) only.
    - `service_zones`: zones that are allowed only for URLs that begin with one of the prefixes in `service`. These are
      the URLs of the web archive in the site's settings.
    """

    site: str = ""
    host: str = ""
    zones: frozenset[AddressZone] = frozenset()
    service: tuple[str, ...] = ()
    service_zones: frozenset[AddressZone] = frozenset()

    def covers(self, url: str) -> bool:
        return bool(self.host) and Scope(self.host).contains(url)

    def allows(self, zone: AddressZone, url: str) -> bool:
        return (zone in self.zones and self.covers(url)) or (
            zone in self.service_zones and url.startswith(self.service)
        )


def permission_for(start_url: str, *, private: bool = False, service: str = "") -> Permission:
    """Returns the private addresses that a crawl may reach, given its start URL, the site's setting `private`, and the
    URL of its web archive (`service`).

    An address that the user typed is allowed: http://127.0.0.1:8000/ allows loopback at 127.0.0.1:8000. A name that is
    always local (localhost, nas.local) allows its zone. Any other name that resolves to a private network needs the
    setting `private`.

    The same rules apply to `service`, but only to URLs below it and to its host's robots.txt. Other URLs on that host
    are not allowed, because a crawled site could otherwise direct the crawl to them.
    """
    scope = Scope.of(start_url)
    prefixes = (service, f"{urlsplit(service).scheme}://{urlsplit(service).netloc}/robots.txt") if service else ()
    return Permission(
        scope.name, scope.host, _intended_zones(start_url, private), prefixes, _intended_zones(service, private)
    )


def _intended_zones(url: str, private: bool) -> frozenset[AddressZone]:
    """Returns the private zones that a user allows by typing this URL; if `private` is True, returns all zones that can
    be allowed.
    """
    host = urlsplit(url).hostname or ""
    zone = zone_of_host(host)
    if private or (zone is AddressZone.PRIVATE and parse_ip_address(host) is None):
        return PERMITTABLE
    return frozenset({zone}) & PERMITTABLE if zone else frozenset()


def objection_to_url(url: str, given: Permission) -> str:
    """Returns why a URL may not be requested; "" if it may be. Judges only how the host is written, and does not
    resolve it.
    """
    host = urlsplit(url).hostname or ""
    zone = zone_of_host(host)
    return _objection(host, zone, url, given) if zone else ""


def objection_to_address(address: Address, url: str, given: Permission) -> str:
    """Returns why no connection to an IP address may be made for a URL; "" if it may be made."""
    return _objection(str(address), zone_of(address), url, given)


def _objection(what: str, zone: AddressZone, url: str, given: Permission) -> str:
    if zone is AddressZone.PUBLIC or given.allows(zone, url):
        return ""
    article = "an" if zone is AddressZone.UNSPECIFIED else "a"
    reason = f"it leads to {what}, {article} {zone} address"
    return (
        f"{reason}; 'archiver sites set {given.site} private=yes' allows that"
        if (given.covers(url) and zone in PERMITTABLE)
        else reason
    )


# Checks before each request, for example whether this process still holds its lease.

_checks: list[Callable[[], None]] = []


def check_before_requests(check: Callable[[], None]) -> None:
    """Registers a function that is called before each request of this process. The function raises an error if the
    request must not be sent.
    """
    _checks.append(check)


def check_may_request() -> None:
    """Calls the functions that `check_before_requests` registered. Raises the first error that one of them raises."""
    for check in _checks:
        check()
