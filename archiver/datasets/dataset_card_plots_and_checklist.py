"""The card of a dataset: README.md with its plots, and the checklist of questions that it and the other files answer.

README.md is a dataset card for the `datasets` library and a datasheet (Gebru et al., "Datasheets for Datasets", 2021).
All figures in it are counted by this program.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby
from pathlib import Path
from typing import Any

from archiver.articles.near_duplicates_and_cluster_source import HAN, LONG_PASSAGES, SHORT_PASSAGES, SLOTS, SPACED, THAI
from archiver.datasets.dataset_metadata_files import DatasetAbout, DatasetFile, licence_name, tables_present
from archiver.datasets.export_formats_and_parquet_tables import import_arrow
from archiver.datasets.personal_data_removal import EMAIL, MEASURED, TELEPHONE
from archiver.datasets.publication_rules_tiers_and_licences import DOCS, Tier
from archiver.datasets.snapshot_changes import single_line
from archiver.datasets.snapshot_request_selection_and_statistics import SnapshotStatistics
from archiver.datasets.snapshot_tables import (
    ARTICLES,
    COVERAGE,
    SAMPLE_FILE,
    TABLES,
    UNDATED,
    months_between,
    read_table,
    table_files,
)
from archiver.datasets.time_chart import histogram_svg
from archiver.extraction.text_language import one_language
from archiver.items import format_degrees
from archiver.search.histogram import Histogram, Period
from archiver.similar_words_and_plurals import count_noun
from archiver.storage.article_tables.near_duplicate_clusters import LEAST_MET

# The checklist of a reviewer, and where a dataset answers each of its points.


@dataclass(frozen=True, slots=True)
class ChecklistPoint:
    """A question of a reviewer, the file of a dataset that answers it, and what must be in this file: for README.md the
    heading of a section or a phrase, for JSON the name of a value, for a table (data/NAME) a column.
    """

    question: str
    file: str
    what: str


CHECKLIST: tuple[ChecklistPoint, ...] = tuple(
    ChecklistPoint(*point)
    for point in (
        ("Why was the dataset made?", "README.md", "## Motivation"),
        ("Which sites, why these, and how were they chosen?", "README.md", "## Sampling frame"),
        ("What is a row, and how many are there?", "README.md", "## Composition"),
        ("How long are the texts?", "README.md", "Length of the texts"),
        ("How often was each article visited, and when?", "README.md", "captures of an article"),
        ("What does a row look like?", "README.md", "A row of `articles`"),
        ("How many near-duplicates are there, by which method?", "README.md", "near-duplicates of another one"),
        ("How was it collected?", "README.md", "## Collection"),
        ("How good are the extracted fields, measured where?", "README.md", "## Quality of the fields"),
        ("What is missing, and since when?", "README.md", "## Coverage and gaps"),
        ("What is known of each site and month?", "data/coverage", "missing"),
        ("Which addresses are known and not archived, and why?", "data/missing", "reason"),
        ("How was each site found, and how often visited?", "data/sites", "visits"),
        ("What are the limits?", "README.md", "## Known limits"),
        ("What is it meant for?", "README.md", "## Intended uses"),
        ("What is it not fit for?", "README.md", "## Unsuitable uses"),
        ("Which biases are known?", "README.md", "## Biases"),
        ("Which personal data does it have?", "README.md", "## Personal data"),
        ("Was it reviewed for ethics?", "README.md", "## Ethics"),
        ("Who paid for it?", "README.md", "## Funding"),
        ("Who maintains it, and how do versions work?", "README.md", "## Maintenance"),
        ("Whom does one ask, for instance for a withdrawal?", "README.md", "## Contact"),
        ("What is published of each article, and why?", "README.md", "## What is published of each article, and why"),
        ("What decided that for one article?", "data/articles", "tier_reason"),
        ("Which values were left out of one article?", "data/articles", "withheld"),
        ("Under which licence is it?", "datapackage.json", "licenses"),
        ("Under which licence is one article, and who says so?", "data/articles", "licence_source"),
        ("What does each column mean, and how often is it filled?", "README.md", "## Fields"),
        ("Is there a data dictionary for programs?", "data_dictionary.csv", "description"),
        ("What was edited after publication?", "data/revisions", "changed"),
        ("From which capture is each value?", "data/articles", "payload_digest"),
        ("When was it published, and how precise is that?", "data/articles", "published_precision"),
        ("Which posts have gone from their sites?", "data/articles", "gone_at"),
        ("What changed since the version before?", "CHANGES.md", "# Changes"),
        ("How is it cited?", "CITATION.cff", "authors"),
        ("What is registered with its DOI?", "datacite.json", "titles"),
        ("Can programs read its structure?", "croissant.json", "recordSet"),
        ("Do keys join its tables?", "datapackage.json", "primaryKey"),
        ("How can it be built again?", "rebuild.json", "request"),
        ("Is it complete and unchanged?", "SHA256SUMS", "README.md"),
    )
)
"""The forty points of the checklist, after Datasheets for Datasets (Gebru et al., 2021) and Data Cards (Pushkarna et
al., 2022)."""


def answered_points(folder: Path) -> dict[ChecklistPoint, bool]:
    """Returns for each point of the checklist whether the dataset in `folder` answers it."""
    texts: dict[str, str] = {}
    out = {}
    for point in CHECKLIST:
        if point.file.startswith("data/"):
            _, pq = import_arrow()
            files = table_files(folder, next(t for t in TABLES if t.name == point.file.removeprefix("data/")))
            out[point] = bool(files) and point.what in pq.read_schema(files[0]).names
            continue
        path = folder / point.file
        text = texts.setdefault(point.file, path.read_text(encoding="utf-8") if path.is_file() else "")
        out[point] = point.what in text and f"{point.what}\n\n{NOT_STATED}" not in text
    return out


# Plots of a dataset as SVG: articles over time with gaps, languages, and a map of places.

_MONTHS = 360
"""If the articles span more months than this, they are counted by year."""
_YEARS = 400
_MONTH = re.compile(r"(\d{4})-(0[1-9]|1[0-2])")
_BAR, _WIDE = 20, 760
_MOST = 15
_INK, _BLUE = "#222222", "#0072b2"


def draw_plots(stats: SnapshotStatistics, coverages: list[SiteCoverage]) -> dict[str, str]:
    """Draws the plots of a dataset. Returns the SVG of each by its file name; a map is included only if articles have
    places.
    """
    out = {"plots/time.svg": histogram_svg(articles_over_time(stats)), "plots/languages.svg": _bars(stats)}
    if coverages:
        out["plots/coverage.svg"] = _draw_coverage(coverages)
    if stats.squares:
        out["plots/map.svg"] = _draw_map(stats)
    return out


_STRIP, _STRIPS, _LABEL = 26, 40, 200


def _draw_coverage(coverages: list[SiteCoverage]) -> str:
    """Draws a strip for each of the sites with most articles: bars for the months, and a pale band for a month without
    articles between the first and the last.
    """
    shown = sorted(coverages, key=lambda one: (-sum(one.months.values()), one.site))[:_STRIPS]
    names = sorted({month for one in shown for month in (min(one.months), max(one.months))})
    months = {month: at for at, month in enumerate(months_between(names[0], names[-1]))}
    step = (_WIDE - _LABEL - 10) / len(months)
    parts = []
    for number, one in enumerate(sorted(shown, key=lambda one: one.site)):
        base, most = 34 + (number + 1) * _STRIP, max(one.months.values())
        name = one.site if len(one.site) <= 30 else f"{one.site[:29]}…"
        parts.append(_svg_text(_LABEL - 6, base - 4, escape(name), "end"))
        for month, count in one.months.items():
            height = (_STRIP - 6) * (count / most if count else 1)
            parts.append(
                f'<rect x="{_LABEL + step * months[month]:.2f}" y="{base - height:.2f}" width="{max(step, 0.3):.2f}" '
                f'height="{height:.2f}" fill="{_BLUE if count else "#f0d9c0"}"/>'
            )
    base = 34 + len(shown) * _STRIP + 16
    parts += [_svg_text(_LABEL, base, names[0]), _svg_text(_WIDE - 10, base, names[-1], "end")]
    return _svg("Articles by site and month (pale: none)", _WIDE, base + 10, parts)


def articles_over_time(stats: SnapshotStatistics) -> Histogram:
    """Returns a histogram of the dataset's articles by month or year. A period without articles between the first and
    the last is shown as a gap.
    """
    months = {name: count for name, count in stats.months.items() if _MONTH.fullmatch(name)}
    numbers = {int(name[:4]) * 12 + int(name[5:]) - 1: count for name, count in months.items()}
    unit = "month" if numbers and max(numbers) - min(numbers) < _MONTHS else "year"
    if unit == "year":
        years: dict[int, int] = {}
        for number, count in numbers.items():
            years[number // 12] = years.get(number // 12, 0) + count
        numbers = years
    span = range(min(numbers), max(numbers) + 1) if numbers else range(0)
    periods = tuple(
        Period(
            f"{n // 12:04}-{n % 12 + 1:02}" if unit == "month" else f"{n:04}",
            numbers.get(n, 0),
            numbers.get(n, 0),
            "matched" if n in numbers else "unarchived",
        )
        for n in (span if len(span) <= max(_YEARS, _MONTHS) else sorted(numbers))
    )
    total = sum(stats.months.values())
    return Histogram(unit, periods, total, total - sum(numbers.values()), stats.day)


def _bars(stats: SnapshotStatistics) -> str:
    rows = sorted(stats.languages.items(), key=lambda pair: (-pair[1], pair[0]))
    shown = rows[:_MOST] + ([("others", sum(count for _, count in rows[_MOST:]))] if len(rows) > _MOST else [])
    most = max((count for _, count in shown), default=1)
    parts = []
    for number, (name, count) in enumerate(shown):
        y, width = 34 + number * _BAR, 560 * count / most
        parts.append(_svg_text(100, y + 13, _clean_language_tag(name) or "unknown", "end"))
        parts.append(f'<rect x="106" y="{y + 2}" width="{width:.2f}" height="{_BAR - 5}" fill="{_BLUE}"/>')
        parts.append(_svg_text(112 + width, y + 13, f"{count:,}"))
    return _svg("Articles by language", _WIDE, 44 + len(shown) * _BAR, parts)


def _draw_map(stats: SnapshotStatistics) -> str:
    """Draws the places of a dataset on a map in plate carrée projection, with two units per degree, and returns the
    SVG. Each square degree that contains places is drawn as a circle; its radius grows with the square root of the
    number of places.
    """
    most = max(stats.squares.values())
    parts = list(_graticule())
    for (latitude, longitude), count in sorted(stats.squares.items()):
        place = format_degrees(latitude, longitude, between=", ")
        x, y = 20 + 2 * (longitude + 180), 34 + 2 * (90 - latitude)
        parts.append(
            f'<circle cx="{x:.2f}" cy="{y:.2f}" r="{2 + 8 * (count / most) ** 0.5:.2f}" fill="{_BLUE}" '
            f'fill-opacity="0.6"><title>{count:,} near {place}</title></circle>'
        )
    return _svg("Places of articles", _WIDE, 414, parts)


def _graticule() -> Iterator[str]:
    for longitude in range(-180, 181, 30):
        x = 20 + 2 * (longitude + 180)
        yield _rule(x, 34, x, 394, bold=not longitude)
    for latitude in range(-90, 91, 30):
        y = 34 + 2 * (90 - latitude)
        yield _rule(20, y, 740, y, bold=not latitude)


def _rule(x: int, y: int, to_x: int, to_y: int, *, bold: bool) -> str:
    return f'<line x1="{x}" y1="{y}" x2="{to_x}" y2="{to_y}" stroke="#cccccc" stroke-width="{1 if bold else 0.5}"/>'


def _svg(title: str, width: int, height: int, parts: list[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" role="img" font-family="DejaVu Sans, Noto Sans, sans-serif" font-size="12">\n'
        f"<title>{title}</title>\n"
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>\n{_svg_text(20, 18, title)}\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )


def _svg_text(x: float, y: float, text: str, anchor: str = "start") -> str:
    return f'<text x="{x:.2f}" y="{y:.2f}" text-anchor="{anchor}" fill="{_INK}">{text}</text>'


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
_SITES = 50
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
_REHYDRATE = """If you may use the texts that are left out, `rehydrate.py` fetches them from the sites or from a web
archive, one request at a time. It compares each with the digests and hashes in `data/references.csv.gz` and reports
whether it is exact, changed or gone.

    python3 rehydrate.py --contact you@example.org
"""


@dataclass(frozen=True, slots=True)
class CardSources:
    """The data from which the card of a dataset is written.

    - `folder`: the dataset's folder, with its tables.
    - `files`: the files in the folder that the card lists.
    - `citation`: how the dataset is cited, as one line.
    - `coverages`: the coverage of each site that has dated articles.
    """

    folder: Path
    stats: SnapshotStatistics
    about: DatasetAbout
    files: list[DatasetFile]
    citation: str
    coverages: list[SiteCoverage]


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
    """Yields the configurations for the `datasets` library: one for each table, the articles without copies, which are
    a filter on the same files, and the sample.
    """
    for table in tables_present(stats):
        files = [{"split": split, "path": paths} for split, paths in stats.files_of_splits(table.name).items()]
        if table is ARTICLES:
            yield {"config_name": table.name, "data_files": files, "default": True}
            yield {"config_name": "deduplicated", "data_files": files, "filters": [["is_copy", "=", 0]]}
        else:
            yield {"config_name": table.name, "data_files": files}
    if stats.has_sample:
        split = "all_splits" if stats.splits else "train"
        yield {"config_name": "sample", "data_files": [{"split": split, "path": SAMPLE_FILE}]}


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
    yield "![Articles over time](plots/time.svg)\n"
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
    yield _lengths(stats)
    yield _visits(stats)
    yield _near_duplicates(stats)
    yield _example(sources.folder, stats)
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
    yield "![Languages](plots/languages.svg)\n"
    if stats.squares:
        yield "![Places](plots/map.svg)\n"
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
        yield _REHYDRATE
    yield _collection(stats, about)
    yield _quality()
    yield _coverage(stats, sources.coverages)
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


def _quantiles(numbers: Sequence[int]) -> tuple[str, ...]:
    """Returns the least, the quantiles at 5, 25, 50, 75 and 95 %, and the greatest of some numbers. A quantile is the
    number at the nearest rank, so that no value is interpolated.
    """
    ordered = sorted(numbers)
    return tuple(f"{ordered[round(share * (len(ordered) - 1))]:,}" for share in (0, 0.05, 0.25, 0.5, 0.75, 0.95, 1))


_QUANTILES = ("least", "5 %", "25 %", "median", "75 %", "95 %", "greatest")


def _lengths(stats: SnapshotStatistics) -> str:
    rows = [(unit, f"{len(found):,}", *_quantiles(found)) for unit, found in sorted(stats.lengths.items())]
    intro = "Length of the texts, by what a word is in their script (quantiles by the nearest rank):\n\n"
    return intro + _table(("unit", "articles", *_QUANTILES), rows)


def _visits(stats: SnapshotStatistics) -> str:
    if not stats.visits:
        return "No captures are in the dataset.\n"
    table = _table(("", *_QUANTILES), [("captures of an article", *_quantiles(stats.visits))])
    first, last = stats.visited
    return f"{table}\nThe captures are from {first:%Y-%m-%d} to {last:%Y-%m-%d}.\n"


def _near_duplicates(stats: SnapshotStatistics) -> str:
    share = 100 * stats.clustered / max(stats.rows["articles"], 1)
    alone = sum(count == 1 for count in stats.cluster_sizes.values())
    return (
        f"{share:.1f} % of the articles are near-duplicates of another one in the dataset (column `cluster_id`)"
        f"{f', and {alone:,} of one that is not in it' if alone else ''}. Candidates share at "
        f"least {LEAST_MET} of {SLOTS} MinHash values. Two texts are near-duplicates if passages that they share, with "
        f"gaps of up to {SPACED.gap} words, make up {100 * SHORT_PASSAGES:.0f} % of the shorter and "
        f"{100 * LONG_PASSAGES:.0f} % of the longer text; on one site they share {100 * SPACED.min_same_site:.0f} % of "
        f"their words. Texts under {SPACED.least} words ({HAN.least} characters of Chinese or Japanese, {THAI.least} "
        f"of Thai, Lao, Khmer or Burmese) are not compared: {stats.uncompared:,} of the articles (column `words`)."
        " Other thresholds hold for scripts without spaces and for lists.\n"
    )


def _example(folder: Path, stats: SnapshotStatistics) -> str:
    """Returns the first row of the table `articles` that has a text as JSON, with long values cut; the first row if
    none has a text or an excerpt.
    """
    text = next((name for name in ("body", "excerpt") if stats.filled[name]), "id")
    row = next((row for row in read_table([folder / name for name in stats.files["articles"]]) if row[text]), {})
    shown = {name: _cut(value) for name, value in row.items() if value not in (None, [], "")}
    written = json.dumps(shown, ensure_ascii=False, indent=2, default=str)
    return f"A row of `articles` (empty columns left out, long values cut):\n\n```json\n{written}\n```\n"


def _cut(value: Any) -> Any:
    if isinstance(value, list):
        return [_cut(one) for one in value[:3]]
    return f"{value[:120]} …" if isinstance(value, str) and len(value) > 120 else value


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
        _disagreements(stats),
    ]
    if stats.visits:
        lines.append(
            f"- A post that was deleted before {stats.visited[0]:%Y-%m-%d}, the first capture, is not here, unless it "
            "was imported from a web archive."
        )
    return "\nCounted by the program:\n\n" + "\n".join(lines) + "\n"


def _disagreements(stats: SnapshotStatistics) -> str:
    """Returns a line that says how often the declared language differs from the language of the text."""
    others = Counter({pair: n for pair, n in stats.detected.items() if one_language(pair[0]) != pair[1]})
    total, compared = others.total(), stats.detected.total()
    examples = ", ".join(
        f"{_clean_language_tag(declared)} but {found} {count:,}" for (declared, found), count in others.most_common(5)
    )
    return (
        f"- {count_noun(compared, 'article')} can be compared: a language is declared, and the text shows one with a "
        f"probability of 0.9 or more. Of these, {total:,} {'is' if total == 1 else 'are'} in another language"
        f"{f' ({examples})' if examples else ''}. `language` is declared by the "
        "page, `language_detected` recognized from the text by py3langid."
    )


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


@dataclass(frozen=True, slots=True)
class SiteCoverage:
    """The months of a site from its first article to its last: the number of articles of each, the number of months
    without any, and the first and last month of the longest hole ("" if there is none).
    """

    site: str
    months: dict[str, int]
    empty: int
    hole: tuple[str, str]


def site_coverages(folder: Path, stats: SnapshotStatistics) -> Iterator[SiteCoverage]:
    """Yields the coverage of each site that has dated articles, from the table `coverage`."""
    files = [folder / name for name in stats.files.get(COVERAGE.name, ())]
    for site, group in groupby(read_table(files, ("site", "month", "archived")), key=lambda row: row["site"]):
        months = {row["month"]: row["archived"] for row in group if row["month"] != UNDATED}
        dated = [month for month, count in months.items() if count]
        if not dated:
            continue
        span = {month: months.get(month, 0) for month in months_between(dated[0], dated[-1])}
        runs = [list(run) for has_any, run in groupby(span, key=lambda month: span[month] > 0) if not has_any]
        longest = max(runs, key=len, default=[])
        yield SiteCoverage(site, span, sum(map(len, runs)), (longest[0], longest[-1]) if longest else ("", ""))


def _coverage(stats: SnapshotStatistics, coverages: list[SiteCoverage]) -> str:
    holes = sorted(coverages, key=lambda one: (-one.empty, one.site))
    gaps = _table(
        ("site", "months from first to last article", "without articles", "longest hole"),
        [
            (one.site, f"{len(one.months):,}", f"{one.empty:,}", " to ".join(dict.fromkeys(one.hole)))
            for one in holes[:_SITES]
        ],
    )
    missing = _table(
        ("site", "outcome", "addresses"),
        [(site, outcome, f"{count:,}") for (site, outcome), count in sorted(stats.missing.items())[:200]],
    )
    others = f"And {len(holes) - _SITES:,} more sites.\n" if len(holes) > _SITES else ""
    return (
        "## Coverage and gaps\n\nBy site and month, in the table `coverage`. "
        f"{stats.months['']:,} articles have no date. A hole does not prove that nothing was published.\n\n"
        f"{gaps}{others}\n![Articles by site and month](plots/coverage.svg)\n\n"
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
    if stats.impossible:
        lines.append(
            f"Impossible positions that pages state, such as a latitude beyond 90, were left out: {stats.impossible:,}."
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
        emails, telephones = (
            sum(count for (_, one), count in stats.contacts.items() if one == kind) for kind in (EMAIL, TELEPHONE)
        )
        sentences.append(
            f"In titles, texts and other fields of articles, {emails:,} e-mail addresses were replaced by {EMAIL} and "
            f"{telephones:,} telephone numbers by {TELEPHONE}. Others may have been missed: a number is replaced only "
            "if a label, a link, a name beside it, its international form or the lines beside it show that it is a "
            f"telephone number, and code is left as it is. {MEASURED}."
        )
    else:
        have = "has" if stats.with_emails == 1 else "have"
        sentences.append(
            "E-mail addresses and telephone numbers are left as they are: "
            f"{count_noun(stats.with_emails, 'article')} {have} e-mail addresses with an at sign, {stats.emails:,} in "
            "all. Telephone numbers, and e-mail addresses written in another way, were not counted."
        )
    sentences.append(
        "Texts mention people. A person or site may ask for a withdrawal, which applies to every version built "
        "afterwards."
    )
    replaced = Counter[str]()
    for (site, _), count in stats.contacts.items():
        replaced[site] += count
    rows = [
        (site, *(f"{stats.contacts[site, kind]:,}" for kind in (EMAIL, TELEPHONE)))
        for site, _ in sorted(replaced.items(), key=lambda one: (-one[1], one[0]))[:_SITES]
    ]
    by_site = "\n" + _table(("site", "e-mail addresses replaced", "telephone numbers replaced"), rows) if rows else ""
    return " ".join(sentences) + "\n" + by_site


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(_cell(value) for value in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return single_line(text).replace("|", "\\|")
