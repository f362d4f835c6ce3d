"""What the index holds of an article: texts to look for words in, keys, numbers, and names to count by.

A change of this file, of `document` or of `archiver.search.words` that makes other entries raises the number in FORMAT;
an index of another format is rebuilt. A field that is added to the field table makes another format by itself.
"""

from __future__ import annotations

from functools import cache

import tantivy

from archiver.fields import LIST_WORDS, LONG_TEXTS, PAGE_LISTS, WEIGHTS

TEXTS: tuple[str, ...] = (*WEIGHTS, "places", *(name for name in PAGE_LISTS if name not in WEIGHTS))
TIMES: tuple[str, ...] = ("published", "modified", "seen", "gone")
"""Each as seconds by its own clock, and with _at in Unix seconds."""
TURN = "turn"
NUMBERS: tuple[str, ...] = ("id", "group", TURN, "cluster", "year", "month", "stamp",
                            *(name for time in TIMES for name in (time, f"{time}_at")))
"""`group` is the number of the article that has the text first; `turn` the place among those of the same rank; `stamp`
a digest of what the entry was made from."""
WRITTEN: tuple[str, ...] = tuple(LIST_WORDS)
"""Names that are the same however they are written, and are kept as compared (`archiver.search.names.counted_as`)."""
FORMAT = " ".join(("6", *TEXTS, *WRITTEN))
WAYS = "ways"
"""How those are written: of the few that are shown it is looked up, as to count by longer names takes longer."""
NAMES: tuple[str, ...] = ("site", "language", *WRITTEN)
PAIRED: dict[str, str] = {name: f"{name}_pairs" for name in LONG_TEXTS}
"""Texts of which the pairs of common words are kept too, and where: phrases of them need no look at each place."""
KEYS = "keys"
COPY, FIRST = "text:copy", "text:first"
"""Keys of an article whose text another has first, and of one that has first what others have."""
SORTED_TITLE = "sorted_title"


@cache
def schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    for name in TEXTS:
        builder.add_text_field(name, tokenizer_name="whitespace", index_option="position")
    for name in PAIRED.values():
        builder.add_text_field(name, tokenizer_name="whitespace", index_option="freq")
    builder.add_text_field(KEYS, tokenizer_name="raw", index_option="basic")
    builder.add_text_field(WAYS, tokenizer_name="raw", index_option="basic")
    builder.add_text_field(SORTED_TITLE, tokenizer_name="raw", index_option="basic", fast=True)
    for name in NAMES:
        builder.add_text_field(name, tokenizer_name="raw", index_option="basic", fast=True)
    for name in NUMBERS:
        builder.add_integer_field(name, indexed=True, fast=True)
    return builder.build()
