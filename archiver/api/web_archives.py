"""Requests the lists of captures of web archives (CDX), parses them, and classifies their addresses. For imports."""

from __future__ import annotations

from archiver.discovery.cdx import (
    HTML_MEDIA_TYPES,
    CdxEntry,
    CdxPage,
    captures_url,
    classify_capture,
    is_view_of_page,
    is_wayback_server,
    next_part_url,
    parse_cdx,
    parse_cdx_time,
    requested_limit,
    service_address,
)
from archiver.discovery.safe_parsing import decode, plain_text
from archiver.discovery.timestamp_parser import parse_http_date

__all__ = [
    "HTML_MEDIA_TYPES",
    "CdxEntry",
    "CdxPage",
    "captures_url",
    "classify_capture",
    "decode",
    "is_view_of_page",
    "is_wayback_server",
    "next_part_url",
    "parse_cdx",
    "parse_cdx_time",
    "parse_http_date",
    "plain_text",
    "requested_limit",
    "service_address",
]
