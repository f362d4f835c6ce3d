"""The demonstration blog over HTTP."""

from __future__ import annotations

import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import suppress

import pytest

from archiver.demo.demo_blog import DemoPortTaken, serve

OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def test_server_supports_conditional_requests_and_keeps_a_log() -> None:
    with serve(0) as demo:
        with OPENER.open(demo.url) as answer:
            assert answer.status == 200
            etag, changed = answer.headers["ETag"], answer.headers["Last-Modified"]
        conditions = [
            ({"If-None-Match": etag}, 304),
            ({"If-Modified-Since": changed}, 304),
            ({"If-None-Match": '"other"', "If-Modified-Since": changed}, 200),  # RFC 9110, section 13.2.2
            ({"If-Modified-Since": "Sat, 01 Jan 2000 00:00:00 GMT"}, 200),
        ]
        for headers, _ in conditions:
            with suppress(urllib.error.HTTPError):
                OPENER.open(urllib.request.Request(demo.url, headers=headers)).close()
        assert [(r.target, r.status, r.conditional) for r in demo.requests] == [
            ("/", 200, False),
            *(("/", status, True) for _, status in conditions),
        ]
        demo.show(2)
        with OPENER.open(demo.url) as answer:
            assert answer.headers["ETag"] != etag


def test_port_in_use_is_an_error() -> None:
    with serve(0) as demo, pytest.raises(DemoPortTaken, match=f"127.0.0.1:{demo.port}"), serve(demo.port):
        pass


def test_the_command_has_help_with_an_example() -> None:
    done = subprocess.run([sys.executable, "-m", "archiver.demo", "--help"], capture_output=True, text=True, check=True)
    assert "Example:" in done.stdout
    assert "--edition" in done.stdout
