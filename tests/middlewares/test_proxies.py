"""Proxies that the environment names."""

from __future__ import annotations

import pytest
from scrapy.downloadermiddlewares.httpproxy import HttpProxyMiddleware
from scrapy.http import Request

from archiver.middlewares import ProxyMiddleware
from archiver.model.errors import ContactMissing
from archiver.sites.crawler_identity import contact_of


@pytest.fixture(autouse=True)
def proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "no_proxy"):
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("http_proxy", "http://me:secret@one.example:3128")
    monkeypatch.setenv("https_proxy", "two.example:3129")
    monkeypatch.setenv("no_proxy", "own.example")


def sent(middleware: HttpProxyMiddleware, request: Request) -> tuple[object, bytes | None]:
    assert middleware.process_request(request) is None
    return request.meta.get("proxy"), request.headers.get("Proxy-Authorization")


@pytest.mark.parametrize(
    "url", ["http://blog.example/a", "https://blog.example/a", "http://own.example/", "https://www.own.example/"]
)
def test_requests_get_the_proxy_that_scrapy_gives_them(url: str) -> None:
    middleware = ProxyMiddleware()
    for _ in range(2):
        assert sent(middleware, Request(url)) == sent(HttpProxyMiddleware(), Request(url))


def test_a_proxy_that_somebody_chose_for_a_request_stays() -> None:
    chosen = {"proxy": "http://three.example:1"}
    assert sent(ProxyMiddleware(), Request("http://blog.example/", meta=chosen)) == ("http://three.example:1", None)
    assert sent(ProxyMiddleware(), Request("http://blog.example/", meta={"proxy": None})) == (None, None)


def test_a_redirected_request_gets_the_proxy_of_its_new_address() -> None:
    middleware, request = ProxyMiddleware(), Request("http://blog.example/")
    assert sent(middleware, request) == ("http://one.example:3128", b"Basic bWU6c2VjcmV0")
    assert sent(middleware, request.replace(url="https://blog.example/")) == ("https://two.example:3129", None)
    assert sent(middleware, request.replace(url="http://own.example/")) == (None, None)


def test_without_a_proxy_no_credentials_are_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    request = Request("http://blog.example/", headers={"Proxy-Authorization": "Basic bWU6c2VjcmV0"})
    assert sent(ProxyMiddleware(), request) == (None, None)


def test_a_foreign_host_behind_a_proxy_on_loopback_needs_a_contact(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:3128")
    with pytest.raises(ContactMissing):
        contact_of("http://blog.example.org/", None)
    assert contact_of("http://blog.example.org/", "me@example.org") == "me@example.org"
    assert contact_of("http://127.0.0.1:8080/", None) == ""
