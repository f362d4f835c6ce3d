"""Which addresses a crawl may connect to: a table of notations, and properties of all addresses."""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.politeness.network_address_policy import (
    AddressZone,
    objection_to_address,
    objection_to_url,
    parse_ip_address,
    permission_for,
    zone_of,
    zone_of_host,
)

HOSTS: tuple[tuple[str, AddressZone | None], ...] = (
    ("8.8.8.8", AddressZone.PUBLIC),
    ("2606:4700::1111", AddressZone.PUBLIC),
    ("example.org", None),
    ("127.0.0.1.nip.io", None),
    ("127.0.0.1", AddressZone.LOOPBACK),
    ("127.0.0.1.", AddressZone.LOOPBACK),
    ("127.1", AddressZone.LOOPBACK),
    ("0x7f.1", AddressZone.LOOPBACK),
    ("0X7F.0x0.0x0.0x1", AddressZone.LOOPBACK),
    ("0177.0.0.1", AddressZone.LOOPBACK),
    ("017700000001", AddressZone.LOOPBACK),
    ("2130706433", AddressZone.LOOPBACK),
    ("0x7f000001", AddressZone.LOOPBACK),
    ("127%2e0.0.1", AddressZone.LOOPBACK),
    ("127.255.255.254", AddressZone.LOOPBACK),
    ("localhost", AddressZone.LOOPBACK),
    ("localhost.", AddressZone.LOOPBACK),
    ("LOCALHOST", AddressZone.LOOPBACK),
    ("db.localhost", AddressZone.LOOPBACK),
    ("localhost.localdomain", AddressZone.LOOPBACK),
    ("::1", AddressZone.LOOPBACK),
    ("[::1]", AddressZone.LOOPBACK),
    ("0:0:0:0:0:0:0:1", AddressZone.LOOPBACK),
    ("::ffff:127.0.0.1", AddressZone.LOOPBACK),
    ("::ffff:7f00:1", AddressZone.LOOPBACK),
    ("::127.0.0.1", AddressZone.LOOPBACK),
    ("64:ff9b::7f00:1", AddressZone.LOOPBACK),
    ("2002:7f00:1::", AddressZone.LOOPBACK),
    ("2002:a00:1::1", AddressZone.PRIVATE),
    ("2002:808:808::1", AddressZone.PUBLIC),
    ("64:ff9b::808:808", AddressZone.PUBLIC),
    ("64:ff9b:1::808:808", AddressZone.PRIVATE),
    ("10.0.0.1", AddressZone.PRIVATE),
    ("172.16.0.1", AddressZone.PRIVATE),
    ("172.32.0.1", AddressZone.PUBLIC),
    ("192.168.1.1", AddressZone.PRIVATE),
    ("192.168.257", AddressZone.PRIVATE),
    ("fd12:3456::1", AddressZone.PRIVATE),
    ("fec0::1", AddressZone.PRIVATE),
    ("nas.local", AddressZone.PRIVATE),
    ("router.home.arpa", AddressZone.PRIVATE),
    ("wiki.internal", AddressZone.PRIVATE),
    ("169.254.1.1", AddressZone.LINK_LOCAL),
    ("fe80::1%eth0", AddressZone.LINK_LOCAL),
    ("169.254.169.254", AddressZone.METADATA),
    ("0xa9fea9fe", AddressZone.METADATA),
    ("::ffff:169.254.169.254", AddressZone.METADATA),
    ("fd00:ec2::254", AddressZone.METADATA),
    ("168.63.129.16", AddressZone.METADATA),
    ("metadata.google.internal", AddressZone.METADATA),
    ("100.64.0.1", AddressZone.SHARED),
    ("100.128.0.1", AddressZone.PUBLIC),
    ("0.0.0.0", AddressZone.UNSPECIFIED),
    ("0", AddressZone.UNSPECIFIED),
    ("::", AddressZone.UNSPECIFIED),
    ("192.0.2.1", AddressZone.DOCUMENTATION),
    ("2001:db8::1", AddressZone.DOCUMENTATION),
    ("3fff::1", AddressZone.DOCUMENTATION),
    ("224.0.0.1", AddressZone.MULTICAST),
    ("ff02::1", AddressZone.MULTICAST),
    ("198.18.0.1", AddressZone.RESERVED),
    ("255.255.255.255", AddressZone.RESERVED),
    ("240.0.0.1", AddressZone.RESERVED),
    ("2001:0:4136:e378::1", AddressZone.RESERVED),
    ("100::1", AddressZone.RESERVED),
    ("4000::1", AddressZone.RESERVED),
    ("1.2.3.4.5", None),
    ("256.1.1.1", None),
    ("127.0.0.1.example.org", None),
)


@pytest.mark.parametrize(("host", "zone"), HOSTS, ids=[h for h, _ in HOSTS])
def test_the_zone_of_a_host_by_its_spelling(host: str, zone: AddressZone | None) -> None:
    assert zone_of_host(host) is zone


@given(st.ip_addresses())
def test_addresses_that_python_calls_not_global_are_never_public(address: IPv4Address | IPv6Address) -> None:
    plain = getattr(address, "ipv4_mapped", None) or getattr(address, "sixtofour", None) or address
    if plain in IPv6Network("64:ff9b::/96"):  # Python considers it reserved; it is as public as the embedded address
        plain = IPv4Address(int(plain) & 0xFFFFFFFF)
    if (
        plain.is_loopback
        or plain.is_link_local
        or plain.is_multicast
        or plain.is_unspecified
        or plain.is_reserved
        or (plain.is_private and plain not in (ip_address("192.0.0.9"), ip_address("192.0.0.10")))
    ):
        assert zone_of(address) is not AddressZone.PUBLIC


@given(st.ip_addresses(v=4), st.sampled_from(["::ffff:{}", "::{}", "64:ff9b::{}"]))
def test_an_embedded_ipv4_address_has_its_own_zone(address: IPv4Address, form: str) -> None:
    carrier = IPv6Address(form.format(address))
    if int(carrier) > 1:
        assert zone_of(carrier) is zone_of(address)


@given(st.ip_addresses(v=4), st.sampled_from(["d", "x", "o"]), st.integers(1, 4))
def test_every_spelling_that_the_system_accepts_is_an_address(address: IPv4Address, base: str, parts: int) -> None:
    octets = list(address.packed)
    numbers = [*octets[: parts - 1], int.from_bytes(bytes(octets[parts - 1 :]))]
    host = ".".join({"d": str(n), "x": hex(n), "o": f"0{n:o}" if n else "0"}[base] for n in numbers)
    assert IPv4Address(socket.inet_aton(host)) == address
    assert parse_ip_address(host) == address


@given(st.text(max_size=40))
def test_any_host_is_accepted_without_an_error(host: str) -> None:
    zone_of_host(host)


@pytest.mark.parametrize(
    ("start", "private", "url", "address", "refused"),
    [
        ("https://example.org/", False, "https://example.org/a", "93.184.216.34", False),
        ("https://example.org/", False, "https://example.org/a", "10.0.0.1", True),
        ("https://example.org/", True, "https://example.org/a", "10.0.0.1", False),
        ("https://example.org/", True, "https://www.example.org/a", "10.0.0.1", False),
        ("https://example.org/", True, "https://feeds.example.org/a", "10.0.0.1", True),
        ("https://example.org/", True, "https://example.org:6379/a", "10.0.0.1", True),
        ("https://example.org/", True, "https://example.org/a", "169.254.169.254", True),
        ("http://127.0.0.1:8000/", False, "http://127.0.0.1:8000/a", "127.0.0.1", False),
        ("http://127.0.0.1:8000/", False, "http://127.0.0.1:6379/a", "127.0.0.1", True),
        ("http://localhost:8000/", False, "http://localhost:8000/a", "127.0.0.1", False),
        ("http://localhost:8000/", False, "http://localhost:8000/a", "10.0.0.1", True),
        ("http://nas.local/", False, "http://nas.local/", "192.168.1.9", False),
        ("http://169.254.169.254/", False, "http://169.254.169.254/", "169.254.169.254", True),
    ],
)
def test_a_permission_covers_only_what_was_named(
    start: str, private: bool, url: str, address: str, refused: bool
) -> None:
    given_to = permission_for(start, private=private)
    assert bool(objection_to_address(ip_address(address), url, given_to)) is refused


def test_the_objection_names_the_setting() -> None:
    given_to = permission_for("https://intranet.example/")
    private = objection_to_address(ip_address("10.0.0.5"), "https://intranet.example/a", given_to)
    assert all(part in private for part in ("10.0.0.5", "'archiver sites set intranet.example private=yes'"))
    loopback = objection_to_url("http://0x7f.1/", given_to)
    assert "0x7f.1" in loopback
    assert "archiver sites set" not in loopback
    assert not objection_to_url("https://intranet.example/", given_to)


@pytest.mark.parametrize(
    ("service", "url", "address", "refused"),
    [
        ("http://127.0.0.1:81/old/cdx?url=x*", "http://127.0.0.1:81/old/cdx?url=x*&resumeKey=y", "127.0.0.1", False),
        ("http://127.0.0.1:81/old/cdx?url=x*", "http://127.0.0.1:81/robots.txt", "127.0.0.1", False),
        ("http://127.0.0.1:81/old/cdx?url=x*", "http://127.0.0.1:81/old/cdx?url=secret", "127.0.0.1", True),
        ("http://127.0.0.1:81/old/cdx?url=x*", "http://127.0.0.1:81/admin", "127.0.0.1", True),
        ("http://127.0.0.1:81/old/cdx?url=x*", "http://example.org/a", "127.0.0.1", True),
        ("http://archive.local/cdx?url=x*", "http://archive.local/cdx?url=x*", "192.168.1.9", False),
        ("https://archive.example/cdx?url=x*", "https://archive.example/cdx?url=x*", "192.168.1.9", True),
        ("http://169.254.169.254/cdx?url=x*", "http://169.254.169.254/cdx?url=x*", "169.254.169.254", True),
    ],
)
def test_only_the_named_web_archive_is_permitted(service: str, url: str, address: str, refused: bool) -> None:
    given_to = permission_for("https://example.org/", service=service)
    assert bool(objection_to_address(ip_address(address), url, given_to)) is refused
