#!/usr/bin/env python3
"""Fetch the texts that this dataset refers to but does not include, and report whether each is still the same.

    python3 rehydrate.py --contact you@example.org                     all texts, from the live sites
    python3 rehydrate.py --contact you@example.org --from archive      all texts, as captured by a web archive
    python3 rehydrate.py --contact you@example.org --from both ID ...  these texts, from the web archive if the site's
                                                                       text is not the same

It needs only Python 3.9. It writes JSON Lines next to the dataset's folder (NAME-rehydrated.jsonl) with id, url,
status, by, passages, source, asked, fetched_at, digest and text. If you run it again, it continues where it stopped.

Statuses:

    exact     the payload has the digest of the capture (by: payload); or the page has all passages whose hashes are in
              the dataset, with the same number of words from the first to the last (by: text) or a different number
              (by: passages)
    changed   the page exists, but not all of these passages are on it
    gone      404 or 410
    refused   forbidden by robots.txt or by the server (401, 403, 451)
    failed    no usable response, or the text is too short to be compared

It sends one request at a time with a delay between requests to the same host, and obeys robots.txt and Retry-After.
You are responsible for what you do with the texts.
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
MAX_BYTES = 20_000_000
AGENT = "rehydrate/1.0 (+{contact})"
_SEPARATORS = re.compile(r"[\W_]+")
_UNSPACED = re.compile(
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


class VisibleText(html.parser.HTMLParser):
    """An HTML parser that collects the visible text of a page. Elements that are not inline separate words."""

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


def visible_text(page: str) -> str:
    """Returns the visible text of an HTML page."""
    parser = VisibleText()
    parser.feed(page)
    parser.close()
    return "".join(parser.parts)


def tokens(text: str) -> list[str]:
    """Splits a text into words in the same way as the dataset counts and hashes them: NFKC-normalized, case-folded,
    only letters and digits.
    """
    plain = _SEPARATORS.sub(" ", unicodedata.normalize("NFKC", text).casefold())
    return _UNSPACED.sub(r" \1 ", plain).split()


def find_passages(text: str, sketch: str, words: int) -> tuple[str, str, str]:
    """Searches a text for the passages whose hashes are in `sketch`. `words` is the number of words that the article
    had.

    Returns three values:

    - by what the text was recognized (see "Statuses"): "text", "passages", or "" if not all passages were found.
    - the count of passages as "found/all".
    - the text from the first passage to the last; the whole text if not all were found.
    """
    passages = sketch.split()
    pieces = text.split()
    of = [(word, number) for number, piece in enumerate(pieces) for word in tokens(piece)]
    runs = [
        hashlib.sha256(" ".join(word for word, _ in of[at : at + RUN]).encode("utf-8", "replace")).hexdigest()[:16]
        for at in range(len(of) - RUN + 1)
    ]
    places = {run: at for at, run in reversed(list(enumerate(runs)))}
    found = [places[one] for one in passages if one in places]
    share = f"{len(found)}/{len(passages)}"
    if not passages or len(found) < len(passages):
        return "", share, text
    first, last = min(found), max(at for at, run in enumerate(runs) if run == passages[-1])
    return (
        ("text" if last + RUN - first == words else "passages"),
        share,
        _text_between(text, of[first][1], of[last + RUN - 1][1]),
    )


def _text_between(text: str, first: int, last: int) -> str:
    """Returns the part of a text between two of its white-space separated words, including both. `first` and `last` are
    the indexes of these words. Paragraphs are kept.
    """
    spans = [m.span() for m in re.finditer(r"\S+", text)]
    return re.sub(r"\s*\n\s*", "\n\n", re.sub(r"[^\S\n]+", " ", text[spans[first][0] : spans[last][1]]))


# Network errors, responses that are not HTTP, and invalid URLs (also of redirects).
UNREACHED = (OSError, http.client.HTTPException, ValueError)


class Robots:
    """The rules of a robots.txt for this program (RFC 9309). If several rules match a path, the longest one decides."""

    def __init__(self, text: str) -> None:
        groups: dict[str, list[tuple[str, str]]] = {}
        agents: list[str] = []
        group_ended = True
        for name, value in ((name.lower(), value.strip()) for name, value in _LINE.findall(text)):
            if name == "user-agent":
                agents = [*([] if group_ended else agents), value.lower().partition("/")[0]]
            else:
                for agent in agents:
                    groups.setdefault(agent, []).append((name, value))
            group_ended = name != "user-agent"
        own = groups.get(AGENT.partition("/")[0], groups.get("*", []))
        self._rules = sorted(
            (
                (len(value), name == "allow", _rule_pattern(value))
                for name, value in own
                if value and name != "crawl-delay"
            ),
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
        """Returns True if robots.txt allows this program to fetch a path (with its query string)."""
        plain = urllib.parse.unquote(path or "/")
        return next((allowed for _, allowed, glob in self._rules if re.match(glob, plain)), True)


def _rule_pattern(rule: str) -> str:
    """Converts a path rule of robots.txt to a regular expression: * matches anything, $ the end."""
    plain = urllib.parse.unquote(rule[:-1] if rule.endswith("$") else f"{rule}*")
    return fnmatch.translate(re.sub(r"[?\[]", r"[\g<0>]", plain))


class PoliteFetcher:
    """Fetches one page at a time, with a delay between requests to the same host, and obeys robots.txt."""

    def __init__(self, contact: str, delay: float) -> None:
        self._agent = AGENT.format(contact=contact)
        self._delay = delay
        self._free: dict[str, float] = {}
        self._robots: dict[str, Robots | Exception] = {}

    def get(self, url: str) -> tuple[int, bytes, Any]:
        """Fetches a URL. Returns the status (0 if robots.txt forbids the fetch), the body with its content coding, and
        the header fields. Raises one of the exceptions in UNREACHED if there is no response.
        """
        parts = urllib.parse.urlsplit(url)
        host = f"{parts.scheme}://{parts.netloc}"
        if host not in self._robots:
            self._robots[host] = self._read_robots(host)
        rules = self._robots[host]
        if isinstance(rules, Exception):  # the host does not respond, so it is not requested again for each record
            raise rules.with_traceback(None)
        if not rules.allows(parts.path + (f"?{parts.query}" if parts.query else "")):
            return 0, b"", {}
        pause = max(self._delay, rules.delay)
        for _ in range(3):
            status, body, headers = self._ask(url, host, pause)
            if status not in (429, 503):
                break
            retry_after = headers.get("retry-after", "").strip()
            wait = min(float(retry_after), 600.0) if retry_after.isdecimal() else 10 * (pause + 1)
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
            with urllib.request.urlopen(request, timeout=60) as response:
                return response.status, response.read(MAX_BYTES), response.headers
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read(MAX_BYTES), error.headers
        finally:
            self._free[host] = time.monotonic() + pause

    def _read_robots(self, host: str) -> Robots | Exception:
        """Fetches the robots.txt of a host. If the host has no robots.txt, everything is allowed; if the server fails,
        nothing is allowed (RFC 9309, section 2.3.1).
        """
        try:
            status, body, headers = self._ask(f"{host}/robots.txt", host, self._delay)
        except UNREACHED as error:
            return error
        text = "User-agent: *\nDisallow: /" if status >= 500 else ""
        return Robots(decode_body(body, headers).decode("utf-8", "replace") if status == 200 else text)


def decode_body(body: bytes, headers: Any) -> bytes:
    """Undoes the content coding (such as gzip) of a response body. A body that cannot be decoded is left unchanged."""
    coding = headers.get("content-encoding", "").strip().lower()
    if coding not in ("gzip", "x-gzip", "deflate"):
        return body
    try:
        return zlib.decompressobj(47).decompress(body, MAX_BYTES)
    except zlib.error:
        return body


def decode_page(body: bytes, headers: Any) -> str:
    """Decodes a page to text, with the charset in its header or meta element, otherwise as UTF-8."""
    named = re.search(r"charset=[\"']?([\w.:-]+)", headers.get("content-type", ""), re.IGNORECASE)
    meta = re.search(rb"<meta[^>]{0,200}charset=[\"']?([\w.:-]+)", body[:4096], re.IGNORECASE)
    coding = named[1] if named else meta[1].decode("ascii", "replace") if meta else "utf-8"
    try:
        return body.decode(coding, "replace")
    except (LookupError, ValueError):  # the charset is unknown or invalid
        return body.decode("utf-8", "replace")


def digest(payload: bytes) -> str:
    """Returns the SHA-1 digest of a payload in the notation of WARC."""
    return "sha1:" + base64.b32encode(hashlib.sha1(payload).digest()).decode()


def rehydrate(row: dict[str, str], url: str, source: str, polite: PoliteFetcher) -> dict[str, Any]:
    """Fetches `url`, compares the page with the dataset's record `row`, and returns a row of the output. `source` says
    whether the URL is on the live site or in the web archive.
    """
    now = datetime.datetime.now(datetime.timezone.utc)  # noqa: UP017  Python before 3.11
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
    except UNREACHED as error:  # a failing server must not stop the run
        return {**out, "by": f"{type(error).__name__}: {error}"}
    if status in (404, 410):
        return {**out, "status": "gone", "by": f"HTTP {status}"}
    if status in (0, 401, 403, 451):
        return {**out, "status": "refused", "by": f"HTTP {status}" if status else "robots.txt"}
    if status != 200:
        return {**out, "by": f"HTTP {status}"}
    payload = decode_body(body, headers)
    same = row["payload_digest"] in (digest(body), digest(payload))
    by, passages, text = find_passages(
        visible_text(decode_page(payload, headers)), row["sketch"], int(row["words"] or 0)
    )
    by = "payload" if same else by
    out |= {"passages": passages, "digest": digest(body), "text": text}
    if not by and not row["sketch"]:
        return {**out, "by": "the text is too short to be compared"}
    return {**out, "status": "exact" if by else "changed", "by": by}


def sources(row: dict[str, str], chosen: str, archive: str) -> Iterator[tuple[str, str]]:
    """Yields the URLs from which the text of a record is to be fetched, as pairs (source, URL). `chosen` is "live" for
    the live site, "archive" for the web archive, or "both". `archive` is the address of a web archive with {timestamp}
    and {url} as placeholders.
    """
    if chosen in ("live", "both"):
        yield "live", row["url"]
    if chosen in ("archive", "both"):
        stamp = re.sub(r"\D", "", row["captured_at"] or "")[:14]
        yield "archive", archive.format(timestamp=stamp, url=row["url"])


def finished_ids(out: Path) -> set[str]:
    """Returns the identifiers of the records that an earlier run has already written to the output. Removes an
    incomplete last line.
    """
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
    parser.add_argument("ids", nargs="*", metavar="ID", help="fetch only these articles")
    parser.add_argument("--contact", required=True, help="an e-mail address or page where sites can reach you")
    parser.add_argument("--from", dest="chosen", choices=("live", "archive", "both"), default="live")
    parser.add_argument("--archive", default=ARCHIVE, help="URL of a web archive with {timestamp} and {url}")
    parser.add_argument("--delay", type=float, default=3.0, help="seconds between requests to a host (default: 3)")
    parser.add_argument("--out", default=str(HERE.with_name(f"{HERE.name}-rehydrated.jsonl")))
    options = parser.parse_args()
    out = Path(options.out)
    done = finished_ids(out)
    unknown = set(options.ids)
    counts: dict[str, int] = {}
    polite = PoliteFetcher(options.contact, options.delay)
    with (
        gzip.open(HERE / "data" / "references.csv.gz", "rt", encoding="utf-8", newline="") as table,
        out.open("a", encoding="utf-8", errors="replace", newline="\n") as output,
    ):
        for row in csv.DictReader(table):
            unknown.discard(row["id"])
            if row["id"] in done or (options.ids and row["id"] not in options.ids):
                continue
            results: list[dict[str, Any]] = []
            for source, url in sources(row, options.chosen, options.archive):
                results.append(rehydrate(row, url, source, polite))
                if results[-1]["status"] == "exact":
                    break
            # Prefer a result with a text. If no result has a text, min() returns the first result, which is from the
            # site itself.
            result = min(results, key=lambda one: ("exact", "changed", one["status"]).index(one["status"]))
            output.write(json.dumps(result, ensure_ascii=False) + "\n")
            output.flush()
            counts[result["status"]] = counts.get(result["status"], 0) + 1
            print(f"{result['status']:8} {result['by']:10} {row['url']}", file=sys.stderr)
    print(json.dumps(counts, sort_keys=True))
    return f"The dataset has no reference for: {' '.join(sorted(unknown))}" if unknown else 0


if __name__ == "__main__":
    sys.exit(main())
