"""Which records of a file belong together: a request and its response, the segments of one record.

Both stand near each other, so that little is held: a response until the next record, segments until the last of them.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, replace

from archiver.capture.damage import Damage, Problem
from archiver.capture.foreign import Record, Records
from archiver.capture.packed import Place
from archiver.capture.read import MAX_BODY

_ANSWERS = frozenset({"response", "resource", "revisit"})
_MOST_OPEN = 64


@dataclass(frozen=True, slots=True)
class Pair:
    """A response, resource or revisit record with its request; or another record by itself."""

    record: Record
    request: Record | None = None

    @property
    def is_answer(self) -> bool:
        return self.record.kind in _ANSWERS


class Pairing:
    """Iterates over what `records` gives, by groups of what came to hand together.

    Between two groups `place` is where reading has to go on for what was not given yet.
    """

    def __init__(self, records: Records) -> None:
        self._records = records
        self._answer: Record | None = None
        self._request: Record | None = None
        self._open: OrderedDict[str, list[Record]] = OrderedDict()

    @property
    def place(self) -> Place:
        waiting = [r.place for r in (self._answer, self._request) if r is not None]
        waiting += [parts[0].place for parts in self._open.values()]
        return min([*waiting, self._records.place])

    def __iter__(self) -> Iterator[list[Pair | Problem]]:
        for one in self._records:
            if isinstance(one, Problem):
                yield [one]
            elif "warc-segment-number" in one.fields:
                yield self._segment(one)
            else:
                yield self._record(one)
        rest: list[Pair | Problem] = [*self._let_go()]
        rest += map(_unfinished, self._open.values())
        self._open.clear()
        yield rest

    def _record(self, record: Record) -> list[Pair | Problem]:
        if record.kind == "request":
            if self._answer is not None and _belongs(record, self._answer):
                answer, self._answer = self._answer, None
                return [Pair(answer, record), Pair(record)]
            out: list[Pair | Problem] = [*self._let_go()]
            self._request = record
            return out
        if record.kind not in _ANSWERS:
            return [Pair(record)]
        if self._request is not None and _belongs(self._request, record):
            request, self._request = self._request, None
            return [*self._let_go(), Pair(request), Pair(record, request)]
        out = [*self._let_go()]
        self._answer = record
        return out

    def _let_go(self) -> Iterator[Pair]:
        answer, request, self._answer, self._request = self._answer, self._request, None, None
        yield from (Pair(r) for r in (answer, request) if r is not None)

    def _segment(self, record: Record) -> list[Pair | Problem]:
        """WARC/1.1, section 7: the first segment has the number 1 and the fields, each other one names it."""
        origin = record.fields.get("warc-segment-origin-id") or record.fields.get("warc-record-id", "")
        if record.kind != "continuation":
            self._open[origin] = [record]
            if len(self._open) > _MOST_OPEN:
                return [_unfinished(self._open.popitem(last=False)[1])]
            return []
        parts = self._open.get(origin)
        number = record.fields.get("warc-segment-number", "")
        if parts is None or number != str(len(parts) + 1) or record.block is None or parts[0].block is None:
            return [_unfinished([record, *(self._open.pop(origin, None) or [])])]
        parts.append(record)
        if sum(len(p.block or b"") for p in parts) > MAX_BODY:
            del self._open[origin]
            return [Problem(Damage.TOO_LARGE, str(parts[0].place), parts[0].url)]
        if "warc-segment-total-length" not in record.fields:
            return []
        del self._open[origin]
        fields = {name: value for name, value in parts[0].fields.items()
                  if name not in ("warc-segment-number", "warc-block-digest")}
        whole = b"".join(p.block or b"" for p in parts)
        if record.fields["warc-segment-total-length"].strip() != str(len(whole)):
            return [_unfinished(parts)]
        return self._record(replace(parts[0], fields=fields, block=whole))


def _unfinished(parts: list[Record]) -> Problem:
    number = parts[0].fields.get("warc-segment-number", "")
    return Problem(Damage.SEGMENT, str(parts[0].place), parts[0].url, f"segment {number[:10]}")


def _belongs(request: Record, answer: Record) -> bool:
    """Whether a request was sent for this answer: one names the other, or both are of one address and time."""
    ids = {r.fields.get("warc-record-id", "") for r in (request, answer)} - {""}
    named = {r.fields.get("warc-concurrent-to", "") for r in (request, answer)} - {""}
    if named:
        return bool(ids & named)
    return request.url == answer.url and request.fields.get("warc-date") == answer.fields.get("warc-date")
