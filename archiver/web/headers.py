"""The headers of every answer: what a browser may do with it.

Content Security Policy Level 3. Our pages run the scripts that are shipped and nothing that stands in a page; those of
Datasette have scripts in their templates, of which the digests are allowed (section 8.3), so that what is stored in an
archive runs in none of them.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

_INLINE = re.compile(r"<script>(.*?)</script>", re.DOTALL)
_EXPRESSION = re.compile(r"\{\{\s*datasette_allow_facet\s*\}\}")

OWN = ("default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; "
       "form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
INERT = "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; sandbox"
"""Of what is no page of ours: data, files to download."""

EVERYWHERE: Mapping[str, str] = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",  # the sites of the archive learn nothing of who reads it
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


def policies(templates: Path) -> dict[str, str]:
    """The policies by name; `templates` is the folder of Datasette's."""
    scripts = " ".join(f"'sha256-{digest}'" for digest in sorted(set(_digests(templates))))
    tables = ("default-src 'none'; style-src 'self' 'unsafe-inline'; "
              f"script-src 'self' {scripts}; img-src 'self' data:; connect-src 'self'; font-src 'self'; "
              "form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
    return {"own": OWN, "inert": INERT, "tables": tables}


def _digests(templates: Path) -> Iterator[str]:
    for file in sorted(templates.glob("*.html")):
        for script in _INLINE.findall(file.read_text(encoding="utf-8")):
            for said in ("true", "false"):
                text = _EXPRESSION.sub(said, script)
                if "{{" not in text and "{%" not in text:
                    yield base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
