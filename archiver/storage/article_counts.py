"""The numbers of articles that people see, each defined once and counted from the rows as they are now.

`archiver status`, the web pages, the metrics, digests and JSON all read them here. The numbers of posts by state, which
build on them, are in `completeness`, and the number of versions is `column_values_and_completions`'
`VERSIONS`.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta

from archiver.storage import Database
from archiver.storage.column_values_and_completions import IS_LIVE
from archiver.storage.pages_and_source_hints import stamp

_NEW_FOR = timedelta(days=7)
_CONDITIONS = {
    "all": IS_LIVE,
    "new": f"first_seen >= :new_since and {IS_LIVE}",
    "revised": f"revision > 1 and {IS_LIVE}",
    "gone": f"gone_at is not null and {IS_LIVE}",
    "duplicates": f"duplicate_of is not null and {IS_LIVE}",
    "withdrawn": "id in (select article_id from withdrawn_articles)",
}


@dataclass(frozen=True, slots=True)
class ArticleCounts:
    """How many articles a site has. An article that was removed is in none of the numbers.

    - `all`: those that are not withdrawn. The next four numbers are parts of this one.
    - `new`: those first seen in the last seven days.
    - `revised`: those whose current state is not the first one.
    - `gone`: those that are no longer online.
    - `duplicates`: those with the same text as an earlier one.
    - `withdrawn`: the further articles, which are withdrawn.
    """

    all: int = 0
    new: int = 0
    revised: int = 0
    gone: int = 0
    duplicates: int = 0
    withdrawn: int = 0


def count_articles(db: Database, now: datetime, site: str = "") -> defaultdict[str, ArticleCounts]:
    """Returns the counts of the articles of each site, or only of `site`, by the site's name."""
    own = "site = :site and " if site else ""
    values = {"site": site, "new_since": stamp(now - _NEW_FOR)}
    numbers: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for name, condition in _CONDITIONS.items():
        for one, number in db.execute(
            f"select site, count(*) from articles where {own}{condition} group by site", values
        ):
            numbers[one][name] = number
    return defaultdict(ArticleCounts, {one: ArticleCounts(**counts) for one, counts in numbers.items()})
