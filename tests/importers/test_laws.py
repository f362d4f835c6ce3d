"""The same captures make the same archive, in any order and any number of times."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.importers.files import Rec, http, page, post, sha1, warc
from tests.importers.importing import run, state

A, B = "http://blog.example/2009/boats/", "https://www.blog.example/2009/boats"
OLD, NEW = "http://blog.example/?p=9", "http://blog.example/2011/new-name/"
STUB = (
    page()
    .replace(b"<p>", b"<!--")
    .replace(b"</p>", b"-->")
    .replace(b'entry-content">', b'entry-content"><p>This article is for subscribers only. Already a subscriber?</p>')
)


def at(year: int) -> str:
    return f"{2009 + year}-06-01T12:00:00Z"


def revisit(year: int, body: bytes, url: str = A) -> Rec:
    return Rec(
        b"",
        url,
        at(year),
        "revisit",
        fields={
            "WARC-Payload-Digest": sha1(body),
            "WARC-Refers-To-Target-URI": url,
            "WARC-Profile": "http://netpreserve.org/warc/1.1/revisit/identical-payload-digest",
        },
    )


def readings() -> st.SearchStrategy[Rec]:
    """Captures of one post at distinct times: three texts, advertisements, two spellings of its address, a stub, a
    repetition, gone, moved."""
    years = st.integers(1, 12)
    texts = st.sampled_from(["", "A second edition had another ending.", "A third edition took it back."])
    whole = st.builds(
        lambda year, text, url, ads: post(url, at(year), text=text, extra=f"ad {ads}"),
        years,
        texts,
        st.sampled_from([A, B]),
        st.integers(0, 2),
    )
    return st.one_of(
        whole,
        whole,
        whole,
        st.builds(lambda year: Rec(http(STUB), A, at(year)), years),
        st.builds(lambda year: revisit(year, page(extra="ad 0")), years),
        st.builds(lambda year: Rec(http(b"gone", "404 Not Found"), A, at(year)), years),
        st.builds(lambda year: Rec(http(b"", "301 Moved", headers=[("Location", A)]), OLD, at(year)), years),
    )


def archive_of(records: list[Rec], *, files: int = 0, twice: bool = False) -> dict[str, object]:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        cut = len(records) if not files else max(1, len(records) // files)
        parts = [records[n : n + cut] for n in range(0, len(records), cut)]
        names = [warc(root / f"{n}.warc.gz", *part) for n, part in enumerate(parts)]
        for _ in range(1 + twice):
            for name in names:
                run(root / "a.db", name, again=twice)
        return state(root / "a.db")


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(readings(), min_size=2, max_size=7, unique_by=lambda r: r.at), st.data())
def test_any_order_makes_the_same_archive(records: list[Rec], data: st.DataObject) -> None:
    in_time = sorted(records, key=lambda r: str(r.at))
    other = data.draw(st.permutations(records))
    assert archive_of(other, files=3) == archive_of(in_time)


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(readings(), min_size=1, max_size=5, unique_by=lambda r: r.at))
def test_importing_twice_equals_importing_once(records: list[Rec]) -> None:
    assert archive_of(records, files=2, twice=True) == archive_of(records, files=2)
