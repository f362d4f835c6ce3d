#!/usr/bin/env python3
"""Fetch the texts that this dataset refers to and does not have, and say of each whether it is still the same.

    python3 rehydrate.py --contact you@example.org                     all of them, from the live sites
    python3 rehydrate.py --contact you@example.org --from archive      from a web archive, as they were captured
    python3 rehydrate.py --contact you@example.org --from both ID ...  these, from there if the site has another

It needs Python 3.9 and nothing else, and writes JSON Lines beside the dataset's folder (NAME-rehydrated.jsonl): id,
url, status, by, passages, source, fetched_at, digest, text. Run again, it goes on where it was. The statuses:

    exact     the payload has the digest that was captured (by: payload), or the page has every passage whose hash the
              dataset holds, with as many words between the first and the last (by: text) or with others (by: passages)
    changed   the page is there and lacks some of these passages, or all
    gone      404 or 410
    refused   robots.txt forbids it, or the server does (401, 403, 451)
    failed    no answer that tells: none, or a text too short to be known again

One request at a time, so many seconds apart at each host, robots.txt and Retry-After obeyed. What you may do with the
texts is between you and their sites.
"""

from __future__ import annotations

import argparse
import base64
import csv
import datetime
import fnmatch
import gzip
import hashlib
import html.parser
import http.client
import json
import re
import string
import sys
import time
import unicodedata
import urllib.error
import urllib.parse
import urllib.request
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ARCHIVE = "https://web.archive.org/web/{timestamp}id_/{url}"
RUN = 8
MOST = 20_000_000
AGENT = "rehydrate/1.0 (+{contact})"
_SIGNS = re.compile(r"[\W_]+")
_SIGN = re.compile(
    "([\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff])"
)
_LINE = re.compile(r"(?im)^[ \t\ufeff]*(user-agent|allow|disallow|crawl-delay)[ \t]*:([^#\r\n]*)")
_HIDDEN = {"script", "style", "noscript", "template", "head", "svg", "iframe"}
_INLINE = {
    "a",
    "abbr",
    "b",
    "bdi",
    "bdo",
    "cite",
    "code",
    "data",
    "del",
    "dfn",
    "em",
    "font",
    "i",
    "ins",
    "kbd",
    "mark",
    "q",
    "s",
    "samp",
    "small",
    "span",
    "strong",
    "sub",
    "sup",
    "time",
    "u",
    "var",
    "wbr",
}
_VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}


class Text(html.parser.HTMLParser):
    """The visible text of a page; what is no inline element parts words."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._hidden: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag in _HIDDEN:
            self._hidden.append(tag)
        elif tag not in _INLINE:
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in self._hidden:
            while self._hidden.pop() != tag:
                pass
        elif tag not in _INLINE and tag not in _VOID:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.parts.append(data)


def visible(page: str) -> str:
    parser = Text()
    parser.feed(page)
    parser.close()
    return "".join(parser.parts)


def tokens(text: str) -> list[str]:
    """Words as the dataset counts and hashes them: NFKC, no case, letters and digits alone."""
    plain = _SIGNS.sub(" ", unicodedata.normalize("NFKC", text).casefold())
    return _SIGN.sub(r" \1 ", plain).split()


def compare(text: str, sketch: str, words: int) -> tuple[str, str, str]:
    """(by, passages, text): which of a sketch's passages stand in a text, and what is from the first to the last."""
    wanted = sketch.split()
    pieces = text.split()
    of = [(word, number) for number, piece in enumerate(pieces) for word in tokens(piece)]
    runs = [
        hashlib.sha256(" ".join(word for word, _ in of[at : at + RUN]).encode("utf-8", "replace")).hexdigest()[:16]
        for at in range(len(of) - RUN + 1)
    ]
    places = {run: at for at, run in reversed(list(enumerate(runs)))}
    found = [places[one] for one in wanted if one in places]
    told = f"{len(found)}/{len(wanted)}"
    if not wanted or len(found) < len(wanted):
        return "", told, text
    first, last = min(found), max(at for at, run in enumerate(runs) if run == wanted[-1])
    return (
        ("text" if last + RUN - first == words else "passages"),
        told,
        _between(text, of[first][1], of[last + RUN - 1][1]),
    )


def _between(text: str, first: int, last: int) -> str:
    """The text from one of its pieces (parted by white space) to another, with its paragraphs."""
    spans = [m.span() for m in re.finditer(r"\S+", text)]
    return re.sub(r"\s*\n\s*", "\n\n", re.sub(r"[^\S\n]+", " ", text[spans[first][0] : spans[last][1]]))


# A network that fails, an answer that is no HTTP, and an address (of a redirect, too) that is none.
UNREACHED = (OSError, http.client.HTTPException, ValueError)


class Robots:
    """What a robots.txt says to this program, else to all (RFC 9309): the longest rule that fits an address counts."""

    def __init__(self, text: str) -> None:
        said: dict[str, list[tuple[str, str]]] = {}
        agents: list[str] = []
        ruled = True
        for name, value in ((name.lower(), value.strip()) for name, value in _LINE.findall(text)):
            if name == "user-agent":
                agents = [*([] if ruled else agents), value.lower().partition("/")[0]]
            else:
                for agent in agents:
                    said.setdefault(agent, []).append((name, value))
            ruled = name != "user-agent"
        own = said.get(AGENT.partition("/")[0], said.get("*", []))
        self._rules = sorted(
            ((len(value), name == "allow", _glob(value)) for name, value in own if value and name != "crawl-delay"),
            reverse=True,
        )
        self.delay = max(
            (
                min(float(value), 86_400.0)
                for name, value in own
                if name == "crawl-delay" and re.fullmatch(r"[0-9]+(\.[0-9]+)?", value)
            ),
            default=0.0,
        )

    def allows(self, path: str) -> bool:
        plain = urllib.parse.unquote(path or "/")
        return next((allowed for _, allowed, glob in self._rules if re.match(glob, plain)), True)


def _glob(rule: str) -> str:
    """A rule as a regular expression: * stands for anything, $ for the end."""
    plain = urllib.parse.unquote(rule[:-1] if rule.endswith("$") else f"{rule}*")
    return fnmatch.translate(re.sub(r"[?\[]", r"[\g<0>]", plain))


class Polite:
    """Fetches, one after the other, with a pause at each host, and what robots.txt forbids not at all."""

    def __init__(self, contact: str, delay: float) -> None:
        self._agent = AGENT.format(contact=contact)
        self._delay = delay
        self._free: dict[str, float] = {}
        self._robots: dict[str, Robots | Exception] = {}

    def get(self, url: str) -> tuple[int, bytes, Any]:
        """Status (0: robots.txt forbids it), body as sent, header fields. Raises what is in UNREACHED."""
        parts = urllib.parse.urlsplit(url)
        host = f"{parts.scheme}://{parts.netloc}"
        if host not in self._robots:
            self._robots[host] = self._read_robots(host)
        rules = self._robots[host]
        if isinstance(rules, Exception):  # nobody answers there: not asked again for each record
            raise rules.with_traceback(None)
        if not rules.allows(parts.path + (f"?{parts.query}" if parts.query else "")):
            return 0, b"", {}
        pause = max(self._delay, rules.delay)
        for _ in range(3):
            status, body, headers = self._ask(url, host, pause)
            if status not in (429, 503):
                break
            said = headers.get("retry-after", "").strip()
            wait = min(float(said), 600.0) if said.isdecimal() else 10 * (pause + 1)
            self._free[host] = time.monotonic() + max(pause, wait)
        return status, body, headers

    def _ask(self, url: str, host: str, pause: float) -> tuple[int, bytes, Any]:
        time.sleep(max(0.0, self._free.get(host, 0.0) - time.monotonic()))
        request = urllib.request.Request(
            urllib.parse.quote(url, safe=string.punctuation),
            headers={
                "User-Agent": self._agent,
                "Accept": "text/html,application/xhtml+xml,*/*;q=0.5",
                "Accept-Encoding": "gzip, deflate",
            },
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.read(MOST), answer.headers
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read(MOST), error.headers
        finally:
            self._free[host] = time.monotonic() + pause

    def _read_robots(self, host: str) -> Robots | Exception:
        """RFC 9309, section 2.3.1: without a file all is allowed; where the server fails, nothing is."""
        try:
            status, body, headers = self._ask(f"{host}/robots.txt", host, self._delay)
        except UNREACHED as error:
            return error
        text = "User-agent: *\nDisallow: /" if status >= 500 else ""
        return Robots(decoded(body, headers).decode("utf-8", "replace") if status == 200 else text)


def decoded(body: bytes, headers: Any) -> bytes:
    coding = headers.get("content-encoding", "").strip().lower()
    if coding not in ("gzip", "x-gzip", "deflate"):
        return body
    try:
        return zlib.decompressobj(47).decompress(body, MOST)
    except zlib.error:
        return body


def page_of(body: bytes, headers: Any) -> str:
    named = re.search(r"charset=[\"']?([\w.:-]+)", headers.get("content-type", ""), re.IGNORECASE)
    meta = re.search(rb"<meta[^>]{0,200}charset=[\"']?([\w.:-]+)", body[:4096], re.IGNORECASE)
    coding = named[1] if named else meta[1].decode("ascii", "replace") if meta else "utf-8"
    try:
        return body.decode(coding, "replace")
    except (LookupError, ValueError):  # none that is known, or one that is no charset
        return body.decode("utf-8", "replace")


def digest(payload: bytes) -> str:
    return "sha1:" + base64.b32encode(hashlib.sha1(payload).digest()).decode()


def rehydrate(row: dict[str, str], url: str, source: str, polite: Polite) -> dict[str, Any]:
    """What has become of one record, asked for at `url`."""
    now = datetime.datetime.now(datetime.timezone.utc)  # noqa: UP017  for Pythons of before 3.11
    out: dict[str, Any] = {
        "id": row["id"],
        "url": row["url"],
        "status": "failed",
        "by": "",
        "passages": "",
        "source": source,
        "asked": url,
        "fetched_at": now.isoformat(timespec="seconds"),
        "digest": None,
        "text": None,
    }
    try:
        status, body, headers = polite.get(url)
    except UNREACHED as error:  # whatever a server does, the others are asked, too
        return {**out, "by": f"{type(error).__name__}: {error}"}
    if status in (404, 410):
        return {**out, "status": "gone", "by": f"HTTP {status}"}
    if status in (0, 401, 403, 451):
        return {**out, "status": "refused", "by": f"HTTP {status}" if status else "robots.txt"}
    if status != 200:
        return {**out, "by": f"HTTP {status}"}
    payload = decoded(body, headers)
    same = row["payload_digest"] in (digest(body), digest(payload))
    by, passages, text = compare(visible(page_of(payload, headers)), row["sketch"], int(row["words"] or 0))
    by = "payload" if same else by
    told = {**out, "passages": passages, "digest": digest(body), "text": text}
    if not by and not row["sketch"]:
        return {**told, "by": "its text is too short to be known again"}
    return {**told, "status": "exact" if by else "changed", "by": by}


def sources(row: dict[str, str], chosen: str, archive: str) -> Iterator[tuple[str, str]]:
    if chosen in ("live", "both"):
        yield "live", row["url"]
    if chosen in ("archive", "both"):
        stamp = re.sub(r"\D", "", row["captured_at"] or "")[:14]
        yield "archive", archive.format(timestamp=stamp, url=row["url"])


def told_in(out: Path) -> set[str]:
    """The records that an earlier run has told of. A line that it did not end, as it was stopped, is taken away."""
    done: set[str] = set()
    with out.open("ab+") as file:
        file.seek(0)
        for line in file:
            if line.endswith(b"\n"):
                done.add(json.loads(line)["id"])
            else:
                file.truncate(file.tell() - len(line))
    return done


def main() -> int | str:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ids", nargs="*", metavar="ID", help="only these")
    parser.add_argument("--contact", required=True, help="a mail address or page by which sites can reach you")
    parser.add_argument("--from", dest="chosen", choices=("live", "archive", "both"), default="live")
    parser.add_argument("--archive", default=ARCHIVE, help="address of a web archive, with {timestamp} and {url}")
    parser.add_argument("--delay", type=float, default=3.0, help="seconds between requests to a host (default: 3)")
    parser.add_argument("--out", default=str(HERE.with_name(f"{HERE.name}-rehydrated.jsonl")))
    options = parser.parse_args()
    out = Path(options.out)
    done = told_in(out)
    strange = set(options.ids)
    counts: dict[str, int] = {}
    polite = Polite(options.contact, options.delay)
    with (
        gzip.open(HERE / "data" / "references.csv.gz", "rt", encoding="utf-8", newline="") as table,
        out.open("a", encoding="utf-8", errors="replace", newline="\n") as told,
    ):
        for row in csv.DictReader(table):
            strange.discard(row["id"])
            if row["id"] in done or (options.ids and row["id"] not in options.ids):
                continue
            answers: list[dict[str, Any]] = []
            for source, url in sources(row, options.chosen, options.archive):
                answers.append(rehydrate(row, url, source, polite))
                if answers[-1]["status"] == "exact":
                    break
            # A text comes before none, and of two that have none the site's own answer tells more.
            answer = min(answers, key=lambda one: ("exact", "changed", one["status"]).index(one["status"]))
            told.write(json.dumps(answer, ensure_ascii=False) + "\n")
            told.flush()
            counts[answer["status"]] = counts.get(answer["status"], 0) + 1
            print(f"{answer['status']:8} {answer['by']:10} {row['url']}", file=sys.stderr)
    print(json.dumps(counts, sort_keys=True))
    return f"No text of these is missing here: {' '.join(sorted(strange))}" if strange else 0


if __name__ == "__main__":
    sys.exit(main())
