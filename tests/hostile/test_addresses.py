"""A public site never makes the crawler connect to a private address: not by link, feed, sitemap, redirect or host
name.

The log of connections is written beneath the program, at connect(2). It shows what would have been sent.
"""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path

from tests.hostile.world import World
from tests.spiders.site_server import Answer, home, page, serving

PUBLIC, OTHER = "93.184.216.34", "93.184.216.35"
NEWS = "http://news.example/"


def feeds(*urls: str) -> str:
    return "".join(f'<link rel="alternate" type="application/rss+xml" href="{url}">' for url in urls)


def sitemap(*urls: str) -> Answer:
    rows = "".join(f"<sitemap><loc>{url}</loc></sitemap>" for url in urls)
    return Answer(
        f'<sitemapindex xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{rows}</sitemapindex>'.encode(),
        headers={"Content-Type": "application/xml"},
    )


def moved(url: str) -> Answer:
    return Answer(status=302, headers={"Location": url})


def test_a_public_site_reaches_nothing_private(tmp_path: Path) -> None:
    inner_pages = {"/": home("/secret/"), "/secret/": page("A secret")}
    with serving(inner_pages) as inner:  # type: ignore[arg-type]
        port = inner.url.rsplit(":", 1)[1].rstrip("/")
        spelled = [
            f"http://{host}:{port}/{n}.xml"
            for n, host in enumerate(
                (
                    "127.0.0.1",
                    "127.1",
                    "0x7f.1",
                    "0177.0.0.1",
                    "2130706433",
                    "localhost",
                    "localhost.",
                    "a.localhost",
                    "[::1]",
                    "[::ffff:127.0.0.1]",
                    "[2002:7f00:1::]",
                    "[64:ff9b::7f00:1]",
                    "0.0.0.0",
                )
            )
        ]
        spelled += [
            "http://169.254.169.254/latest/meta-data/feed.xml",
            "http://10.0.0.1/feed.xml",
            "http://192.168.0.1/feed.xml",
            "http://100.64.0.1/feed.xml",
            "http://224.0.0.1/feed.xml",
            "http://192.0.2.1/feed.xml",
            "http://metadata.google.internal/feed.xml",
        ]
        named = [f"http://{name}.example:{port}/feed.xml" for name in ("inner", "lan", "both", "rebound")]
        pages = {
            "/": home(
                "/good/",
                f"http://127.0.0.1:{port}/secret/",
                "/away/",
                head=feeds(*spelled, *named, "/feed.xml", "http://far.example/feed.xml"),
            ),
            "/good/": page("A good post"),
            "/away/": moved(f"http://127.0.0.1:{port}/secret/"),
            "/feed.xml": moved(f"http://127.0.0.1:{port}/9.xml"),
            "/robots.txt": Answer(b"Sitemap: http://10.0.0.2/sitemap.xml\nSitemap: http://news.example/sitemap.xml\n"),
            "/sitemap.xml": sitemap("http://10.0.0.3/sitemap.xml", f"http://inner.example:{port}/sitemap.xml"),
        }
        # Another public host, whose robots.txt is in the private network.
        far_pages = {
            "/robots.txt": moved(f"http://127.0.0.1:{port}/robots.txt"),
            "/feed.xml": moved("http://[::1]/feed.xml"),
        }
        with serving(pages) as news, serving(far_pages) as far:  # type: ignore[arg-type]
            world = World(
                names={
                    "news.example": [[PUBLIC]],
                    "far.example": [[OTHER]],
                    "inner.example": [["127.0.0.1"]],
                    "lan.example": [["10.0.0.7"]],
                    "both.example": [["10.0.0.8"], [PUBLIC]],
                    "rebound.example": [[PUBLIC], ["127.0.0.1"]],
                },
                routes={f"{PUBLIC}:80": _port(news.url), f"{OTHER}:80": _port(far.url)},
                settings={"DNSCACHE_ENABLED": False, "RETRY_TIMES": 0},
            )
            done = world.crawl(tmp_path, NEWS)
        assert inner.requests == []
    assert {c.rpartition(":")[0] for c in done.connections} <= {PUBLIC, OTHER}
    assert done.titles == ["A good post"]
    refused = {url for url, row in done.rows.items() if row[:2] == ("refused", "private-address")}
    assert {_plain(url) for url in spelled} <= refused
    assert {
        named[0],
        named[1],
        "http://10.0.0.2/sitemap.xml",
        "http://10.0.0.3/sitemap.xml",
        f"http://127.0.0.1:{port}/9.xml",
        f"http://inner.example:{port}/sitemap.xml",
        "http://[::1]/feed.xml",
    } <= refused
    assert "127.0.0.1" in done.rows[named[0]][2]
    assert done.rows["http://news.example/away/"][0] == "out-of-scope"
    assert "http://127.0.0.1/secret/" not in done.rows
    assert "http://far.example/feed.xml" in done.rows
    assert "/feed.xml" in far.requests


def test_a_name_that_turns_private_is_refused_when_it_is_connected_to(tmp_path: Path) -> None:
    """DNS rebinding: the name is public for the first connections and private afterwards."""
    close = {"Content-Type": "text/html", "Connection": "close"}
    pages = {
        "/robots.txt": Answer(b"Sitemap: http://news.example/sitemap.xml\n", headers=close),
        "/": Answer(home("/one/", "/two/", head=feeds("/feed.xml")).body, headers=close),
        "/one/": page("The first"),
        "/two/": page("The second"),
    }
    with serving(pages) as news:  # type: ignore[arg-type]
        world = World(
            names={"news.example": [[PUBLIC]] * 3 + [["127.0.0.1"]]},
            routes={f"{PUBLIC}:80": _port(news.url), "127.0.0.1:80": _port(news.url)},
            settings={"DNSCACHE_ENABLED": False},
        )
        done = world.crawl(tmp_path, NEWS)
        assert news.requests == ["/robots.txt", "/.well-known/tdmrep.json", "/"]
    assert set(done.connections) == {f"{PUBLIC}:80"}
    reason = "it leads to 127.0.0.1, a loopback address; 'archiver sites set news.example private=yes' allows that"
    assert done.rows[NEWS + "one/"] == done.rows[NEWS + "two/"] == ("refused", "private-address", reason)


def test_the_public_ones_of_several_addresses_are_used(tmp_path: Path) -> None:
    with serving({"/": home("/one/"), "/one/": page("The first")}) as news:
        world = World(
            names={"news.example": [["10.0.0.9", "fd00::9", "::ffff:127.0.0.1", PUBLIC]]},
            routes={f"{PUBLIC}:80": _port(news.url)},
        )
        done = world.crawl(tmp_path, NEWS)
    assert (done.code, done.titles) == (0, ["The first"])
    assert set(done.connections) == {f"{PUBLIC}:80"}


SIX = "2606:2800:21f:cb07:6820:80da:af6b:8b2c"


def test_a_host_with_only_an_ipv6_address_is_crawled(tmp_path: Path) -> None:
    with serving({"/": home("/one/", head=feeds("http://far.example/feed.xml")), "/one/": page("The first")}) as news:
        world = World(
            names={"news.example": [[SIX]], "far.example": [["2606:2800::7"]]},
            routes={f"{SIX}:80": _port(news.url), "2606:2800::7:80": _port(news.url)},
        )
        done = world.crawl(tmp_path, NEWS)
    assert (done.code, done.titles) == (0, ["The first"])
    assert set(done.connections) == {f"{SIX}:80", "2606:2800::7:80"}


def test_ipv6_loopback_is_crawled_if_a_person_names_it(tmp_path: Path) -> None:
    with serving({"/": home("/one/"), "/one/": page("The first")}) as site:
        world = World(names={"six.example": [["::1"]]}, routes={f"::1:{port}": _port(site.url) for port in (80, 8000)})
        refused = world.crawl(tmp_path, "http://six.example/")
        assert site.requests == []
        assert refused.connections == ()
        assert " ::1" in refused.err
        assert world.run(tmp_path, "sites", "set", "six.example", "private=yes").code == 0
        done = world.crawl(tmp_path, "http://six.example/")
        assert (done.code, done.titles) == (0, ["The first"])
        typed = world.crawl(tmp_path, "http://[::1]:8000/")
    assert typed.code == 0
    assert typed.rows["http://[::1]:8000/one/"][0] == "archived"
    assert set(done.connections) | set(typed.connections) == {"::1:80", "::1:8000"}


PRIVATE_SIX = {
    "::1": "loopback",
    "::": "unspecified",
    "fe80::7": "link-local",
    "fd00::7": "private",
    "fec0::7": "private",
    "::ffff:127.0.0.1": "loopback",
    "::ffff:10.0.0.7": "private",
    "::127.0.0.1": "loopback",
    "64:ff9b::7f00:1": "loopback",
    "2002:7f00:1::": "loopback",
    "ff02::1": "multicast",
    "2001:db8::7": "documentation",
    "fd00:ec2::254": "cloud metadata",
}


def test_no_name_leads_to_a_private_ipv6_address(tmp_path: Path) -> None:
    """Neither at first nor after robots.txt was read from a public address (DNS rebinding)."""
    close = {"Content-Type": "text/html", "Connection": "close"}
    at_once = {f"inner-{n}.example": address for n, address in enumerate(PRIVATE_SIX)}
    later = {f"rebound-{n}.example": address for n, address in enumerate(PRIVATE_SIX)}
    sources = [f"http://{name}/feed.xml" for name in (*at_once, *later)]
    with serving(
        {
            "/": home("/one/", head=feeds(*sources)),
            "/one/": page("The first"),
            "/robots.txt": Answer(b"", headers=close),
        }
    ) as news:
        world = World(
            names={
                "news.example": [[SIX]],
                **{name: [[address]] for name, address in at_once.items()},
                **{name: [[SIX], [address]] for name, address in later.items()},
            },
            routes={f"{SIX}:80": _port(news.url)},
            settings={"DNSCACHE_ENABLED": False},
        )
        done = world.crawl(tmp_path, NEWS)
        assert "/feed.xml" not in [a["path"] for a in news.asked if a["host"] != "news.example"]
        assert {a["host"] for a in news.asked if a["path"] == "/robots.txt"} == {"news.example", *later}
    assert set(done.connections) == {f"{SIX}:80"}
    assert done.titles == ["The first"]
    for name, address in (at_once | later).items():
        outcome, rule, reason = done.rows[f"http://{name}/feed.xml"]
        assert (outcome, rule) == ("refused", "private-address"), name
        assert f" {ip_address(address)}" in reason
        assert PRIVATE_SIX[address] in reason


def test_a_private_site_is_crawled_at_its_own_host_alone(tmp_path: Path) -> None:
    with serving({"/feed.xml": page("Not a feed")}) as other:
        pages = {
            "/": home("/one/", head=feeds(f"{other.url}feed.xml", "http://10.0.0.6/feed.xml")),
            "/one/": page("The first"),
        }
        with serving(pages) as intranet:  # type: ignore[arg-type]
            world = World(names={"intranet.example": [["10.0.0.5"]]}, routes={"10.0.0.5:80": _port(intranet.url)})
            refused = world.crawl(tmp_path, "http://intranet.example/")
            assert intranet.requests == []
            assert world.run(tmp_path, "sites", "set", "intranet.example", "private=yes").code == 0
            done = world.crawl(tmp_path, "http://intranet.example/")
        assert other.requests == []
    assert refused.code == 1
    assert refused.connections == ()
    assert all(
        part in refused.err.strip().splitlines()[-1]
        for part in ("http://intranet.example/", " 10.0.0.5", "'archiver sites set intranet.example private=yes'")
    )
    assert done.titles == ["The first"]
    assert set(done.connections) == {"10.0.0.5:80"}
    assert done.rows[f"{other.url}feed.xml"][:2] == ("refused", "private-address")


def test_addresses_are_checked_by_their_spelling_behind_a_proxy_too(tmp_path: Path) -> None:
    pages = {
        NEWS: home(
            "/one/",
            head=feeds("http://127.0.0.1:9/feed.xml", "http://0xa9fea9fe/feed.xml", "http://wiki.internal/feed.xml"),
        ),
        f"{NEWS}one/": page("The first"),
    }
    with serving(pages) as proxy:  # type: ignore[arg-type]
        done = World(environment={"http_proxy": proxy.url, "ARCHIVER_CONTACT": "me@example.org"}).crawl(tmp_path, NEWS)
        assert all(asked.startswith(NEWS) for asked in proxy.requests)
    assert done.titles == ["The first"]
    assert set(done.connections) == {proxy.url.split("/")[2]}
    assert sum(rule == "private-address" for _, rule, _ in done.rows.values()) == 3


def _port(url: str) -> int:
    return int(url.rsplit(":", 1)[1].rstrip("/"))


def _plain(url: str) -> str:
    return url.replace("localhost.:", "localhost:")
