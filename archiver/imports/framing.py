"""From a stream of records to batches: what needs no reading is counted, what does is put together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from archiver.capture.damage import Damage, Problem
from archiver.capture.foreign import Records
from archiver.capture.packed import Place, Unpacked
from archiver.capture.pairing import Pair, Pairing
from archiver.imports.choice import Wanted
from archiver.store.imports import Tally

_PAGES, _BYTES, _RECORDS = 48, 4 << 20, 5_000  # of one batch at most


@dataclass
class Batch:
    """What was framed together. `place`: all before it is in this batch or an earlier one. `read`: bytes of the file
    so far. `end` is "" where more comes, else finished, or limited where the pages that were asked for are there."""

    pairs: list[Pair] = field(default_factory=list)
    size: int = 0
    tally: Tally = field(default_factory=Tally)
    problems: list[Problem] = field(default_factory=list)
    place: Place = field(default_factory=Place)
    read: int = 0
    end: str = ""

    @property
    def is_full(self) -> bool:
        return len(self.pairs) >= _PAGES or self.size >= _BYTES or self.tally.records >= _RECORDS


def batches(unpacked: Unpacked, wanted: Wanted, *, limit: int = 0, begun: bool = False) -> Iterator[Batch]:
    """All of a stream, or its first `limit` pages (0: all); the last batch says how it ended, and may be empty.

    `begun`: the stream begins at a place that was reached before, so that nothing more need be there.
    """
    pairing = Pairing(Records(unpacked, wanted))
    batch, pages = Batch(), 0

    def closed(end: str = "") -> Batch:
        batch.place, batch.read, batch.end = pairing.place, unpacked.read, end
        return batch

    for group in pairing:
        for item in group:
            if not (begun and isinstance(item, Problem) and item.kind is Damage.NOT_AN_ARCHIVE):
                _sort(item, batch, wanted)
        if 0 < limit <= pages + len(batch.pairs):
            yield closed("limited")
            return
        if batch.is_full:
            pages += len(batch.pairs)
            yield closed()
            batch = Batch()
    yield closed("finished")


def _sort(item: Pair | Problem, batch: Batch, wanted: Wanted) -> None:
    tally = batch.tally
    tally.records += 1
    if isinstance(item, Problem):
        batch.problems.append(item)
        tally.damaged += 1
        return
    record = item.record
    if not item.is_answer:
        tally.about += 1
    elif record.block is not None:
        batch.pairs.append(item)
        batch.size += len(record.block)
    elif (why := wanted.why(record.fields)) == "skipped":
        tally.skipped += 1
    elif why:
        tally.about += 1
    else:
        tally.not_html += 1
