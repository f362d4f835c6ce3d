"""README.md: a dataset card as the `datasets` library reads it, and a datasheet (Gebru et al., "Datasheets for
Datasets", 2021) of which every figure is counted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import groupby
from typing import Any

from archiver.publish.describe.about import About, File, tables
from archiver.publish.describe.plots import over_time
from archiver.publish.rights import DOCS, Tier
from archiver.publish.snapshot.facts import Facts
from archiver.publish.snapshot.ngrams import FEWEST

_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"),
          (10_000_000, "1M<n<10M"), (100_000_000, "10M<n<100M"))
_SITES = 50
_LOAD = """```python
from datasets import load_dataset
articles = load_dataset("./", "articles")["train"]
```
"""
_HUB = {"cc0-1.0", "cc-by-2.0", "cc-by-2.5", "cc-by-3.0", "cc-by-4.0", "cc-by-sa-3.0", "cc-by-sa-4.0", "cc-by-nc-2.0",
        "cc-by-nc-3.0", "cc-by-nc-4.0", "cc-by-nd-4.0", "cc-by-nc-nd-3.0", "cc-by-nc-nd-4.0", "cc-by-nc-sa-2.0",
        "cc-by-nc-sa-3.0", "cc-by-nc-sa-4.0", "pddl", "odc-by", "odbl"}


_REHYDRATE = """Texts that are not here can be fetched by whoever may: `rehydrate.py` asks the sites, or a web archive,
politely and one at a time, and says of each whether it is exact, changed or gone, by the digests and hashes of
`data/references.csv.gz`.

    python3 rehydrate.py --contact you@example.org
"""


def card(facts: Facts, about: About, files: list[File], citation: str) -> str:
    return "\n".join((_front(facts, about), *_text(facts, about, files, citation))) + "\n"


def _front(facts: Facts, about: About) -> str:
    licence = about.spdx.lower()
    number_of = facts.rows
    number = number_of["articles"]
    told: dict[str, Any] = {
        "pretty_name": about.title, "license": licence if licence in _HUB else "other",
        "language": sorted({name.split("-")[0].lower() for name in facts.languages if name}) or ["und"],
        "size_categories": [next((label for most, label in _SIZES if number < most), "n>1T")],
        "tags": sorted({*about.keywords, "archiver"}),
        "configs": [{"config_name": table.name, "data_files": [{"split": "train", "path": facts.files[table.name]}],
                     **({"default": True} if table.name == "articles" else {})}
                    for table in tables(facts) if number_of[table.name]]}  # the library fails at one without rows
    if told["license"] == "other":
        told |= {"license_name": "per-record", "license_link": "README.md"}
    return "---\n" + "".join(f"{k}: {json.dumps(v, ensure_ascii=False)}\n" for k, v in told.items()) + "---\n"


def _text(facts: Facts, about: About, files: list[File], citation: str) -> Iterator[str]:
    rows = facts.rows
    yield f"# {_line(about.title)}\n\n{_line(about.description)}\n"
    yield f"Version {facts.request.version}, as the archive was at {facts.cutoff} UTC.\n"
    yield _LOAD
    yield "![Articles over time](plots/time.svg)\n"
    yield f"## Motivation\n\n{about.motivation or 'The operator states no purpose beyond keeping and counting.'}\n"
    yield "## Composition\n"
    yield _table(("table", "rows", "what it is"), [(t.name, f"{rows[t.name]:,}", t.doc) for t in tables(facts)])
    yield (f"Edited after they were first seen: {facts.revised:,}; gone from their sites: {facts.gone:,}; with the "
           f"text of another: {facts.duplicates:,}. Texts in full: {facts.words:,} words.\n")
    yield _table(("site", "articles", "first", "last", "missing"), [
        (site, f"{count:,}", *facts.spans.get(site, ("", "")),
         f"{sum(n for (name, _), n in facts.missing.items() if name == site):,}")
        for site, count in facts.sites.most_common(_SITES)])
    if len(facts.sites) > _SITES:
        yield f"And {len(facts.sites) - _SITES:,} further sites.\n"
    yield "![Languages](plots/languages.svg)\n"
    if facts.squares:
        yield "![Places](plots/map.svg)\n"
    yield "## What of each article is here, and why\n"
    yield _table(("tier", "articles", "what it gives"), [
        (tier.label, f"{facts.tiers[tier.label]:,}", DOCS[tier]) for tier in reversed(Tier)])
    yield _table(("tier", "because", "articles"), [
        (tier, _line(why), f"{count:,}") for (tier, why), count in sorted(
            facts.reasons.items(), key=lambda pair: (-pair[1], pair[0]))[:40]])
    yield _licences(facts)
    if facts.tiers["full"] < rows["articles"]:
        yield _REHYDRATE
    yield _collection(facts, about)
    yield _coverage(facts)
    yield _limits(facts)
    if facts.splits:
        yield "## Splits\n\nThe column `split`. " + ", ".join(f"{name} {count:,}" for name, count in sorted(
            facts.splits.items())) + (
            ". It follows from the member of a cluster of copies that the archive saw first: no cluster is divided, "
            "and what is added later moves nothing. Where two clusters prove to be one, the later goes to the split of "
            "the earlier; CHANGES.md names what moved.\n")
    yield "## Personal data\n\n" + _personal(facts)
    yield "## Fields\n"
    for table in tables(facts):
        yield f"### {table.name}\n"
        filled = facts.filled if table.name == "articles" else {}
        yield _table(("field", "type", "what it is", *(("filled",) if filled else ())), [
            (f"`{c.name}`", c.kind, c.doc, *((f"{100 * filled.get(c.name, 0) / max(rows['articles'], 1):.0f} %",)
                                             if filled else ())) for c in table.columns])
    yield f"## Citation\n\n{_line(citation)}\n"
    yield "## Files\n"
    yield _table(("file", "bytes"), [(f"`{one.path}`", f"{one.bytes:,}") for one in files])


def _licences(facts: Facts) -> str:
    known = _table(("licence of the records", "articles"), [
        (_line(name) or "none known", f"{count:,}") for name, count in facts.licences.most_common(20)])
    return known + "\nA record's own licence is in its column `licence`. Where there is none, the text is its site's.\n"


def _collection(facts: Facts, about: About) -> str:
    asked = f"The dataset has what `{about.asked}` finds." if about.asked else "The dataset has the whole archive."
    return ("## Collection\n\nArticles were found by the union of the sites' feeds, sitemaps, APIs and archive pages, "
            "fetched politely, and kept as they came (WARC); each value was read from such a capture. "
            f"{_line(asked)} It is built by `archiver publish`; `rebuild.json` holds all that decides its bytes, but "
            "for the version that CHANGES.md compares it with, `SHA256SUMS` their sums, `archiver publish --check` "
            "proves them.\n")


def _coverage(facts: Facts) -> str:
    found = over_time(facts)
    gaps = [f"{run[0]} to {run[-1]}" if len(run) > 1 else run[0] for empty, group in groupby(
        found.periods, key=lambda one: not one.articles) if empty for run in [[one.period for one in group]]]
    missing = _table(("site", "outcome", "addresses"), [
        (site, outcome, f"{count:,}") for (site, outcome), count in sorted(facts.missing.items())[:200]])
    told = ", ".join(gaps[:60]) + (f" and {len(gaps) - 60} more" if len(gaps) > 60 else "")
    return ("## Coverage and gaps\n\n" + (
        f"No article of these: {told}. " if gaps else f"Every {found.unit} from the first to the last has articles. ")
        + f"{found.undated:,} articles have no date. A gap is no proof that nothing was published.\n\n"
        "Addresses that are known and of which no article is here (table `missing`):\n\n"
        + (missing if facts.missing else "None.\n"))


def _limits(facts: Facts) -> str:
    return ("## Known limits\n\n- What no feed, sitemap, API or link of a site told of was not found.\n"
            "- Versions are those that the archive saw; an edit between two visits is not among them.\n"
            "- Authors, dates, categories and places are as the page gives them; what it does not give is empty.\n"
            "- A query is answered by the archive as it stood when the dataset was built.\n"
            f"- n-grams that fewer than {FEWEST} articles of a year have are left out; texts of tier `reference` are "
            "not counted, and of a text and its copies one.\n")


def _personal(facts: Facts) -> str:
    told = ["Authors are named as their pages name them." if not facts.request.pseudonymised else
            "Names of authors are replaced by keyed hashes (HMAC-SHA-256): the same name has the same hash, and the "
            "key is not in the dataset. Texts of others, and addresses, may still name them."]
    if facts.request.drop_contacts:
        told.append("E-mail addresses and telephone numbers were taken out of titles, texts and other fields as far as "
                    "they were recognised.")
    told.append("Texts tell of people. A person or site may ask for a withdrawal; it reaches every version that is "
                "built afterwards.")
    return " ".join(told) + "\n"


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(_cell(value) for value in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return _line(text).replace("|", "\\|")


def _line(text: str) -> str:
    """In one line, and no markup of HTML."""
    return " ".join(text.split()).replace("<", "&lt;")
