"""Which title it is."""

from __future__ import annotations

from archiver.extraction.candidates import Candidate
from archiver.extraction.text import folded


def title(found: list[Candidate[str]], site: set[str]) -> Candidate[str] | None:
    """The title: what the platform shows, unless it is the site's own name; else what most sources agree on.

    A post whose title place is there but empty has no title: "" is chosen, never the site's name.
    """
    shown = next((c for c in found if c.visible and c.source in ("platform", "api")), None)
    if shown is not None and (not shown.value or folded(shown.value) not in site):
        return shown
    usable = [c for c in found if c.value and folded(c.value) not in site]
    if not usable:
        return None
    texts = [(c, folded(c.value)) for c in usable]

    def support(one: Candidate[str], text: str) -> float:
        votes = {
            c.source: 1.0 if t == text else 0.6
            for c, t in texts
            if c is not one and text and (t == text or (len(text) > 8 and (text in t or t in text)))
        }
        return one.confidence + 0.12 * sum(votes.values())

    return max(texts, key=lambda p: support(*p))[0]
