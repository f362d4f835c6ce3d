"""Hypothesis strategies for the evidence entries that an article's row stores."""

from __future__ import annotations

from hypothesis import strategies as st

from archiver.storage.field_evidence import Entry


def entry_lists(
    fields: dict[str, st.SearchStrategy[str | float | None]], text: st.SearchStrategy[str]
) -> st.SearchStrategy[list[Entry]]:
    """Lists of entries with these fields: losing ones, winning ones, and winning ones with their own extraction."""
    return st.lists(
        st.fixed_dictionaries(fields, optional={"won": st.just(1)})
        | st.fixed_dictionaries(
            {
                **fields,
                "won": st.just(1),
                "extractor": text,
                "capture_id": st.integers(1, 9) | st.just(""),
                "read_at": text,
            }
        )
    )
