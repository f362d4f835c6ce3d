"""The demonstration blog over HTTP."""

from __future__ import annotations

import subprocess
import sys
import urllib.error
import urllib.request

import pytest

from archiver.demo.demo_blog import DemoPortTaken, serve

OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def test_server_supports_conditional_requests_and_keeps_a_log() -> None:
    with serve(0) as demo:
        with OPENER.open(demo.url) as answer:
            assert answer.status == 200
            etag = answer.headers["ETag"]
        with pytest.raises(urllib.error.HTTPError) as caught:
            OPENER.open(urllib.request.Request(demo.url, headers={"If-None-Match": etag}))
        assert caught.value.code == 304
        assert [(r.target, r.status, r.conditional) for r in demo.requests] == [("/", 200, False), ("/", 304, True)]
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
