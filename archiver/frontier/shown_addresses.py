"""A compact set of the addresses that lists of a run have shown."""

from __future__ import annotations

from collections.abc import Iterable

from archiver.discovery.url_classifier_and_patterns import URLPattern

_BYTES = 2**21


_BITS_PER_ADDRESS = 10


_PROBES = 4


class ShownAddresses:
    """The addresses (urlkeys) that the pages of each URL pattern have shown, as one Bloom filter of `size` bytes, a
    power of two.

    The filter has 10 bits and 4 probes for each pair of a pattern and an address, so at most about one new address in a
    hundred is wrongly taken for an address that was shown. The default of 2 MB holds 1.6 million pairs. When the filter
    is full, it is emptied and all addresses count as new again. A full filter therefore never makes a page count as one
    without news.
    """

    def __init__(self, size: int = _BYTES) -> None:
        self._bits = bytearray(size)
        self._mask = size * 8 - 1
        self._most = size * 8 // _BITS_PER_ADDRESS
        self._added = 0
        self._uncommitted: list[int] = []

    def add(self, pattern: URLPattern, addresses: Iterable[str]) -> list[str]:
        """Adds the addresses that a page of a pattern shows, and returns those that no other page of the pattern has
        shown.
        """
        if self._added >= self._most:
            self._bits = bytearray(len(self._bits))
            self._added = 0
            self._uncommitted.clear()
        return [address for address in addresses if self._add(hash((pattern, address)))]

    def has(self, pattern: URLPattern, address: str) -> bool:
        """Returns True if a page of a pattern has shown an address."""
        value = hash((pattern, address))
        first, step = value & 0xFFFFFFFF, (value >> 32) | 1
        places = ((first + n * step) & self._mask for n in range(_PROBES))
        return all(self._bits[at >> 3] & 1 << (at & 7) for at in places)

    def _add(self, value: int) -> bool:
        first, step = value & 0xFFFFFFFF, (value >> 32) | 1
        bits = self._bits
        unset = [at for n in range(_PROBES) if not bits[(at := (first + n * step) & self._mask) >> 3] & 1 << (at & 7)]
        for at in unset:
            bits[at >> 3] |= 1 << (at & 7)
        self._uncommitted += unset
        self._added += bool(unset)
        return bool(unset)

    def commit(self) -> None:
        """Keeps what was added since the last call of `commit` or `undo`."""
        self._uncommitted.clear()

    def undo(self) -> None:
        """Removes what was added since the last call of `commit` or `undo`."""
        for at in self._uncommitted:
            self._bits[at >> 3] &= ~(1 << (at & 7))
        self._uncommitted.clear()
