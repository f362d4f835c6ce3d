"""Extracts stored captures again. For imports that move a post."""

from __future__ import annotations

from archiver.maintenance.capture_reader import make_reader_without_hints

__all__ = ["make_reader_without_hints"]
