"""The card of a dataset.

README.md is a dataset card for the `datasets` library and a datasheet (Gebru et al., "Datasheets for Datasets", 2021).
All figures in it are counted by this program.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from archiver.datasets.dataset_metadata_files import DatasetAbout, DatasetFile, licence_name, tables_present
from archiver.datasets.personal_data_removal import EMAIL, MEASURED, TELEPHONE
from archiver.datasets.publication_rules import DOCS, Tier
from archiver.datasets.snapshot_changes import single_line
from archiver.datasets.snapshot_request import SnapshotStatistics
from archiver.datasets.snapshot_tables import (
    ARTICLES,
    COVERAGE,
    UNDATED,
    months_between,
    read_table,
)
from archiver.model.words import count_noun


def _clean_language_tag(text: str) -> str:
    """Reduces a language tag to the characters that BCP 47 allows (letters, digits and hyphens), because a page may
    declare anything.
    """
    return re.sub(r"[^A-Za-z0-9-]", "", text)[:12]


_SIZES = (
    (1_000, "n<1K"),
    (10_000, "1K<n<10K"),
    (100_000, "10K<n<100K"),
    (1_000_000, "100K<n<1M"),
    (10_000_000, "1M<n<10M"),
    (100_000_000, "10M<n<100M"),
)
_SITES, _LANGUAGES = 50, 15
_HUB = {
    "cc0-1.0",
    "cc-by-2.0",
    "cc-by-2.5",
    "cc-by-3.0",
    "cc-by-4.0",
    "cc-by-sa-3.0",
    "cc-by-sa-4.0",
    "cc-by-nc-2.0",
    "cc-by-nc-3.0",
    "cc-by-nc-4.0",
    "cc-by-nd-4.0",
    "cc-by-nc-nd-3.0",
    "cc-by-nc-nd-4.0",
    "cc-by-nc-sa-2.0",
    "cc-by-nc-sa-3.0",
    "cc-by-nc-sa-4.0",
    "pddl",
    "odc-by",
    "odbl",
}


_SPLIT = """. The split of a cluster is derived from the member that the archive saw first. Thus no cluster is divided,
and a copy that is added later moves no article. If two clusters turn out to be one, the later cluster moves to the
split of the earlier; CHANGES.md lists what moved. Tables other than `articles` are not divided.
"""
_SPLIT_BY_DATE = """. The splits begin at {}. A cluster is in the split of its earliest member, so that no cluster is
divided. Articles without a date are in the first split. Tables other than `articles` are not divided.
"""
_WITHHELD = """If you may use the texts that are left out, fetch them by their addresses (column `url`). The digest in
`content_digest` says whether a text is still the same; `sketch` has hashes of passages by which a changed one is known.
"""


@dataclass(frozen=True, slots=True)
class CardSources:
    """The data from which the card of a dataset is written.

    - `folder`: the dataset's folder, with its tables.
    - `files`: the files in the folder that the card lists.
    - `citation`: how the dataset is cited, as one line.
    """

    folder: Path
    stats: SnapshotStatistics
    about: DatasetAbout
    files: list[DatasetFile]
    citation: str


def card_text(sources: CardSources) -> str:
    """Returns the text of README.md: YAML front matter for the `datasets` library, followed by the datasheet."""
    return "\n".join((_front(sources.stats, sources.about), *_text(sources))) + "\n"


def _front(stats: SnapshotStatistics, about: DatasetAbout) -> str:
    licence = about.spdx.lower()
    number_of = stats.rows
    number = number_of["articles"]
    front: dict[str, Any] = {
        "pretty_name": about.title,
        "license": licence if licence in _HUB else "other",
        "language": sorted({name.split("-")[0].lower() for name in stats.languages if name}) or ["und"],
        "size_categories": [next((label for most, label in _SIZES if number < most), "n>1T")],
        "tags": sorted({*about.keywords, "archiver"}),
        "configs": list(_configs(stats)),
    }
    if front["license"] == "other":
        name, link = ("per-record", "README.md") if about.per_record else (about.spdx or "custom", about.licences[0])
        front |= {"license_name": name, "license_link": link}
    return "---\n" + "".join(f"{k}: {json.dumps(v, ensure_ascii=False)}\n" for k, v in front.items()) + "---\n"


def _configs(stats: SnapshotStatistics) -> Iterator[dict[str, Any]]:
    """Yields the configurations for the `datasets` library: one for each table, and the articles without copies, which
    are a filter on the same files.
    """
    for table in tables_present(stats):
        files = [{"split": split, "path": paths} for split, paths in stats.files_of_splits(table.name).items()]
        if table is ARTICLES:
            yield {"config_name": table.name, "data_files": files, "default": True}
            yield {"config_name": "deduplicated", "data_files": files, "filters": [["is_copy", "=", 0]]}
        else:
            yield {"config_name": table.name, "data_files": files}


def _text(sources: CardSources) -> Iterator[str]:
    stats, about = sources.stats, sources.about
    rows = stats.rows
    yield f"# {single_line(about.title)}\n\n{single_line(about.description)}\n"
    yield f"Version {stats.request.version}: the state of the archive at {stats.cutoff} UTC.\n"
    yield f"""```python
from datasets import load_dataset
articles = load_dataset("./", "articles", split="{next(iter(stats.files_of_splits("articles")))}")
```
"""
    yield _stated("Motivation", about.motivation)
    yield _stated("Sampling frame", stats.dataset.get("sampling", "")) + _sampled_sites(stats)
    yield "## Composition\n"
    yield _table(
        ("table", "rows", "description"), [(t.name, f"{rows[t.name]:,}", t.doc) for t in tables_present(stats)]
    )
    yield (
        f"Articles edited after they were first seen: {stats.revised:,}. Gone from their sites: {stats.gone:,}. "
        f"Duplicates of another article: {stats.duplicates:,}. Near-duplicates: {stats.clustered:,}.\n"
    )
    years = Counter[str]()
    for month, count in stats.months.items():
        years[month[:4] or "undated"] += count
    yield _table(("year", "articles"), [(year, f"{count:,}") for year, count in sorted(years.items())])
    languages = sorted(stats.languages.items(), key=lambda pair: (-pair[1], pair[0]))[:_LANGUAGES]
    yield _table(
        ("language", "articles"),
        [(_clean_language_tag(name) or "unknown", f"{count:,}") for name, count in languages],
    )
    yield _table(
        ("site", "articles", "first", "last", "missing"),
        [
            (
                site,
                f"{count:,}",
                *stats.spans.get(site, ("", "")),
                f"{sum(n for (name, _), n in stats.missing.items() if name == site):,}",
            )
            for site, count in stats.sites.most_common(_SITES)
        ],
    )
    if len(stats.sites) > _SITES:
        yield f"And {len(stats.sites) - _SITES:,} more sites.\n"
    yield "## What is published of each article, and why\n"
    yield _table(
        ("tier", "articles", "what is published"),
        [(tier.label, f"{stats.tiers[tier.label]:,}", DOCS[tier]) for tier in reversed(Tier)],
    )
    yield _table(
        ("tier", "reason", "articles"),
        [
            (tier, single_line(why), f"{count:,}")
            for (tier, why), count in sorted(stats.reasons.items(), key=lambda pair: (-pair[1], pair[0]))[:40]
        ],
    )
    if stats.paid:
        yield f"Published in full although their pages call them paid (column `access`): {stats.paid:,}.\n"
    yield _licences(stats, about)
    if stats.tiers["full"] < rows["articles"]:
        yield _WITHHELD
    yield _collection(stats, about)
    yield _quality()
    yield _coverage(sources.folder, stats)
    yield _limits(stats, about)
    if stats.splits:
        empty = stats.empty_splits
        yield (
            "## Splits\n\nEach split has its own files, and the column `split` its name: "
            + ", ".join(f"{name} {stats.splits[name]:,}" for name in stats.request.split_names if stats.splits[name])
            + _asked_shares(stats)
            + (f". No article is in {' or '.join(empty)}, which therefore has no file" if empty else "")
            + (_SPLIT_BY_DATE.format(", ".join(stats.request.split_dates)) if stats.request.split_dates else _SPLIT)
        )
    yield _stated("Intended uses", stats.dataset.get("intended_uses", ""))
    yield _stated("Unsuitable uses", stats.dataset.get("unsuitable_uses", "")) + _UNSUITABLE
    yield _stated("Biases", stats.dataset.get("biases", "")) + _biases(stats)
    yield "## Personal data\n\n" + _personal(stats)
    yield _stated("Ethics", stats.dataset.get("ethics", ""))
    yield _stated("Funding", stats.dataset.get("funding", ""))
    yield _stated("Maintenance", stats.dataset.get("maintenance", "")) + _MAINTENANCE
    yield _stated("Contact", about.contact)
    yield "## Fields\n\n`filled` is the share of articles whose value is neither empty nor 0.\n"
    for table in tables_present(stats):
        yield f"### {table.name}\n"
        filled = stats.filled if table.name == "articles" else {}
        yield _table(
            ("field", "type", "description", *(("filled",) if filled else ())),
            [
                (
                    f"`{c.name}`",
                    c.kind,
                    c.doc,
                    *((f"{100 * filled.get(c.name, 0) / max(rows['articles'], 1):.0f} %",) if filled else ()),
                )
                for c in table.columns
            ],
        )
    yield f"## Citation\n\n{single_line(sources.citation)}\n"
    yield "## Files\n"
    yield _table(("file", "bytes"), [(f"`{one.path}`", f"{one.bytes:,}") for one in sources.files])


NOT_STATED = "Not stated."
"""The text of a section of the card if the operator states nothing about its subject in `[dataset]`."""
_UNSUITABLE = """
What the dataset lacks proves nothing about what was published: see Coverage and gaps. `modified` is what the page
states, and many sites change it with their template: only `revisions` shows edits that the archive saw.
"""
_MAINTENANCE = """
Versions follow Semantic Versioning. CHANGES.md and the table `changes` list the differences from the previous version.
A version that is built again without withdrawn articles has a number of its own (`1.0.0+withdrawn.1`).
"""
_QUALITY = (
    ("the text", "F1 of shared word sequences", "95.7 %"),
    ("the headline", "equal, without case and punctuation", "91.7 %"),
    ("names of authors", "F1, on pages that name one", "85.8 %"),
    ("date of publication", "the exact day", "88.9 %"),
)
"""The quality of the extraction, as (what is extracted, measure, value). The figures are those of version 0.3.0 on 791
annotated pages of 767 hosts, without learned rules."""


def _asked_shares(stats: SnapshotStatistics) -> str:
    """Returns a phrase with the shares that were asked for, because those of the splits differ from them."""
    shares = ", ".join(f"{name} {share} %" for name, share in stats.request.splits)
    return f" (asked for: {shares}; a hash draws the split, so the shares are not exact)" if shares else ""


def _stated(heading: str, text: str) -> str:
    """Returns a section of the card with the operator's statement `text` as one paragraph."""
    return f"## {heading}\n\n{single_line(text) or NOT_STATED}\n"


def _sampled_sites(stats: SnapshotStatistics) -> str:
    described = [one for one in stats.dataset.get("sites", ()) if one["site"] in stats.sites]
    if not described:
        return ""
    columns = ("site", "why", "how", "country", "kind")
    rows = [tuple(one.get(name, "") for name in columns) for one in described[:_SITES]]
    others = len(stats.sites) - len(described)
    intro = (
        f"The operator describes {len(described):,} of {count_noun(len(stats.sites), 'site')}. "
        "The table `sites` lists them all.\n\n"
        if others
        else ""
    )
    return (
        f"\n{intro}"
        + _table(columns, rows)
        + (f"And {len(described) - _SITES:,} more sites.\n" if len(described) > _SITES else "")
    )


def _quality() -> str:
    return (
        "## Quality of the fields\n\nMeasured with version 0.3.0 of the program, without rules learned for a site, on "
        "791 annotated pages of 767 other hosts and not on this dataset. Other sites and languages may differ.\n\n"
        + _table(("field", "measure", "figure"), list(_QUALITY))
    )


def _biases(stats: SnapshotStatistics) -> str:
    number = max(stats.rows["articles"], 1)
    site, most = max(stats.sites.items(), key=lambda pair: (pair[1], pair[0]), default=("", 0))
    language, spoken = max(stats.languages.items(), key=lambda pair: (pair[1], pair[0]), default=("", 0))
    lines = [
        f"- {100 * most / number:.0f} % of the articles are from {single_line(site)}.",
        f"- {100 * spoken / number:.0f} % declare the language {_clean_language_tag(language) or '(none)'}.",
    ]
    if stats.first_capture:
        lines.append(
            f"- A post that was deleted before {stats.first_capture:%Y-%m-%d}, the first capture, is not here, unless "
            "it was imported from a web archive."
        )
    return "\nCounted by the program:\n\n" + "\n".join(lines) + "\n"


def _licences(stats: SnapshotStatistics, about: DatasetAbout) -> str:
    known = _table(
        ("licence of the records", "articles"),
        [(single_line(licence_name(name)), f"{count:,}") for name, count in stats.licences.most_common(20)],
    )
    return (
        known
        + "\nThe column `licence` has the licence of each record, and `licence_source` says where it is stated. If it "
        "is empty, no licence is known and the rights remain with the site.\n"
        + (
            f"\n{single_line(about.of_compilation)} is the licence of the compilation: the selection, the arrangement "
            "and the metadata that the program counted. It gives no rights to the texts and headlines of the records.\n"
            if about.of_compilation
            else ""
        )
    )


def _collection(stats: SnapshotStatistics, about: DatasetAbout) -> str:
    selection = (
        f"The dataset has the articles that `{about.query}` finds."
        if about.query
        else "All archived articles are in the dataset, without a query."
    )
    return (
        f"## Collection\n\nArticles were discovered through {stats.sources_in_words} of the sites, and their "
        "pages stored unchanged as WARC records. Each value was extracted from such a capture. "
        f"{single_line(selection)} It was built with `archiver publish`. `rebuild.json` has everything that "
        "determines its bytes except the previous version that CHANGES.md compares it with. `SHA256SUMS` has the "
        "checksums of its files; `archiver publish --check` verifies them.\n"
    )


def _coverage(folder: Path, stats: SnapshotStatistics) -> str:
    """Returns the section on what is missing: the months of each site without an article between its first and its
    last, from the table `coverage`, and the addresses without an article.
    """
    holes = []
    files = [folder / name for name in stats.files.get(COVERAGE.name, ())]
    for site, group in groupby(read_table(files, ("site", "month", "archived")), key=lambda row: row["site"]):
        months = {row["month"]: row["archived"] for row in group if row["month"] != UNDATED}
        if dated := [month for month, count in months.items() if count]:
            span = list(months_between(dated[0], dated[-1]))
            runs = [
                list(run) for has_any, run in groupby(span, key=lambda month: months.get(month, 0) > 0) if not has_any
            ]
            longest = max(runs, key=len, default=[])
            hole = " to ".join(dict.fromkeys((*longest[:1], *longest[-1:])))
            holes.append((-sum(map(len, runs)), site, len(span), hole))
    gaps = _table(
        ("site", "months from first to last article", "without articles", "longest hole"),
        [(site, f"{months:,}", f"{-empty:,}", hole) for empty, site, months, hole in sorted(holes)[:_SITES]],
    )
    missing = _table(
        ("site", "outcome", "addresses"),
        [(site, outcome, f"{count:,}") for (site, outcome), count in sorted(stats.missing.items())[:200]],
    )
    others = f"And {len(holes) - _SITES:,} more sites.\n" if len(holes) > _SITES else ""
    return (
        "## Coverage and gaps\n\nBy site and month, in the table `coverage`. "
        f"{stats.months['']:,} articles have no date. A hole does not prove that nothing was published.\n\n"
        f"{gaps}{others}\n"
        "Known addresses without an article in the archive (table `missing`):\n\n"
        + (missing if stats.missing else "None.\n")
    )


def _limits(stats: SnapshotStatistics, about: DatasetAbout) -> str:
    lines = [
        "A post that no feed, sitemap, API or link of its site led to is not in the archive.",
        "Revisions are those that the archive saw. A state between two visits may be missing.",
        "Authors, dates, categories and places are as the page states them, and empty if it does not.",
    ]
    if stats.withheld:
        counts = ", ".join(f"`{name}` {count:,}" for name, count in stats.withheld.most_common(12))
        lines.append(
            f"Values left out or shortened because of rights, by column: {counts}. A headline with eight words "
            "in a row of a withheld text is one of them; `withheld` names the columns of each article."
        )
    if about.query:
        lines.append("The query was answered by the archive as it was when the dataset was built.")
    if empty := [t.name for t in tables_present(stats) if not stats.rows[t.name]]:
        lines.append(
            f"Tables without rows: {', '.join(empty)}. The `datasets` library loads a table without rows only as a "
            f'stream: `load_dataset("./", "{empty[0]}", streaming=True)`. Without `streaming` it raises ValueError.'
        )
    return "## Known limits\n\n" + "".join(f"- {line}\n" for line in lines)


def _personal(stats: SnapshotStatistics) -> str:
    sentences = [
        f"Authors are named as on their pages: {count_noun(len(stats.persons), 'name')} in the column `authors` that "
        "are not known to be organizations."
        if not stats.request.pseudonymised
        else "Names of authors are replaced by keyed hashes (HMAC-SHA-256): the same name has the same hash, and the "
        "key is not in the dataset. Names of organizations are not replaced. Articles by others, and URLs, may still "
        "name authors."
    ]
    if stats.request.drop_contacts:
        sentences.append(
            f"In titles, texts and other fields of articles, {stats.contacts[EMAIL]:,} e-mail addresses were replaced "
            f"by {EMAIL} and {stats.contacts[TELEPHONE]:,} telephone numbers by {TELEPHONE}. Others may have been "
            "missed: a number is replaced only if a label, a link, a name beside it, its international form or the "
            f"lines beside it show that it is a telephone number, and code is left as it is. {MEASURED}."
        )
    else:
        sentences.append(
            "E-mail addresses and telephone numbers in the texts are left as they are, and were not counted."
        )
    sentences.append(
        "Texts mention people. A person or site may ask for a withdrawal, which applies to every version built "
        "afterwards."
    )
    return " ".join(sentences) + "\n"


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(_cell(value) for value in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return single_line(text).replace("|", "\\|")
