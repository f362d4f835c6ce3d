"""Writes the parts of the documentation that the code already says: commands, fields, schema.

python docs/generate.py            writes docs/commands.md, fields.md and schema.md
python docs/generate.py --check    writes nothing; names what is stale and exits with 1
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import click  # noqa: E402
from sqlite_utils import Database  # noqa: E402
from sqlite_utils.db import Column  # noqa: E402

from archiver.cli.main import COMMANDS, cli  # noqa: E402
from archiver.model.fields import CAPTURE_KEYS, FIELDS, GEOTAG_KEYS  # noqa: E402
from archiver.storage.schema import migrations  # noqa: E402

WIDTH = 100
NOTE = "<!-- Written by docs/generate.py; change the code it is taken from, then run `make docs`. -->\n"
SHAPES = {
    "text": "text",
    "integer": "integer",
    "time": "ISO 8601 with zone",
    "texts": "list of text",
    "geotags": "list of objects",
    "marks": "list of lists",
    "capture": "object",
}
TABLES = {
    "sites": "The sites, with their settings (JSON). `soft_not_found` is what a site answers for a URL that does not "
    "exist, `untrusted` which of its validators and dates have proved false (both JSON). No notifications of a site "
    "are sent before `muted_until`.",
    "site_tags": "Tags of sites, which group them.",
    "former_sites": "The addresses that sites had before `archiver sites move`: they still find the site, and captures "
    "of them belong to it.",
    "host_files": "robots.txt and tdmrep.json of each host, as last read.",
    "site_rules": "The extraction rules of a site, one row a version: TOML, and the captures it is for (`since`, "
    "`until`). "
    "Rules by hand are for all. See [extend.md](extend.md#rules-by-hand).",
    "runs": "One row a crawl of a site: what it did, and run statistics (`statistics`, JSON: "
    "[operate.md](operate.md)). `outcome` is finished, waiting (the host asked for a pause, or its "
    "robots.txt cannot be read), interrupted or failed.",
    "site_health": "The health of each site as last judged, `since` when, and the findings (JSON); `accepted` are "
    "findings that a person acknowledged, with when, level and figure. See [operate.md](operate.md).",
    "faults": "What people have been told of each finding of a site (`site` is empty for the archive), until the "
    "finding is over and its end was sent: since when and in which runs it was there, and the worst level that was "
    "sent. See [operate.md](operate.md#notifications).",
    "notifications": "Messages about changes of health (JSON), one row for each channel. `outcome` is due, sent or "
    "failed, `reason` why.",
    "captures": "One row a stored response: where its WARC record is, `warc_file` relative to the archive's folder. "
    "An imported one has the import (`import_id`) and the article that it shows (`article_id`); "
    "`secondary` is 1 where that is a stub, or the same text at another URL.",
    "usage_statements": "What a response said about its use (`archiver why URL` shows it): `source` is header, meta, "
    "link or file, `agent` the crawler it is for, if not all. See [crawl.md](crawl.md#usage-statements).",
    "warc_rewrites": "WARC files that are being rewritten without some records; `done` once the rows point to the new "
    "file. Empty except after a kill.",
    "pages": "Every URL ever discovered, with its outcome: the memory of the crawl.",
    "source_hints": "What a feed or an API said about a post in addition to its page, as JSON. The latest hint of a "
    "page has `digests`; an earlier one is kept for the captures that were extracted with it (`captures.hint_id`).",
    "page_discoveries": "Which discovery sources found a page. `found_on_page_id` is the page that it was found on, "
    "`found_on` the URL or file where that is not a page; `last_seen` is empty where it is "
    "`first_seen`. Read the view [page_sources](#page_sources-view), which fills these in.",
    "forms": "The forms of a site's pages: the pages of a form have nearly the same markup and the same pattern of "
    "address. `kind` is what a form was judged to be: post, page (not a post), or nothing while it is uncertain.",
    "held_pages": "Pages of stored posts that show something that replaces nothing until it is confirmed, since "
    "when, and how often they have shown it.",
    "held_gains": "What the new states of held pages have more than the stored posts: a paragraph, words of the "
    "title, a date.",
    "recent_changes": "The edits and deletions of the last four days, which are taken back together if they prove "
    "to be a fault of the site.",
    "page_forms": "The form of each page that was parsed. `signs` (JSON) are the post type of its only hentry, the "
    "number of bits of its text's length, the number of images and embedded media, and hashes of its title, its first "
    "heading and the place of its date.",
    "page_counts": "How many pages of a site have a kind and an outcome, kept by triggers: with an empty `source` all "
    "pages, each once, otherwise those that this discovery source found. `with_article`: an article was "
    "read from them.",
    "articles": "One row an article: its current revision, with the columns of the record. Lists are JSON.",
    "withdrawn_articles": "Articles whose pages later proved to be no posts, and why. They and their captures stay; "
    "searches and datasets leave them out.",
    "aliases": "Further URLs of articles: one that redirects to the article (redirect), another URL of it (copy), "
    "or an earlier one (moved). Read the view [article_urls](#article_urls-view), which has all.",
    "article_parts": "The pages of a post that has several: `post_urlkey` is the urlkey of the first, `number` 0 a "
    "view "
    "of all on one page.",
    "authors": "Names of authors.",
    "categories": "Names of categories.",
    "tags": "Names of tags.",
    "article_authors": "Who wrote an article, in the page's order.",
    "article_categories": "The categories of an article, in the page's order.",
    "article_tags": "The tags of an article, in the page's order.",
    "geotags": "One row a place that an article names (WGS 84).",
    "revisions": "One row a revision of an article, the current one too. `content` (JSON) has its fields; of the "
    "current one only those that differ from `articles`: the view "
    "[article_revisions](#article_revisions-view) has all. `previous` is the revision before it, "
    "`same_as` an earlier one that it repeats; `seen_again` counts reverts to it that made no "
    "revision. See [data.md](data.md#revisions).",
    "reextractions": "One row a run of `archiver reextract`: its request (JSON) and its result. An interrupted one has "
    "no `finished_at`; the same request continues it.",
    "evidence_kinds": "What candidates of many posts share: field, source, locator and confidence, each once. "
    "`articles.evidence` has their numbers; read the view [evidence](#evidence-view).",
    "clusters": "Clusters of near-duplicates ([data.md](data.md#duplicates-and-near-duplicates)), one row for every "
    "number that was ever given: `source_id` is the member that the others were copied from, `reason` why; one that "
    "was merged or has no members has `size` 0.",
    "near_duplicates": "Pairs of near-duplicates: the share of their words (0 to 1) that are in word sequences of "
    "both, "
    "and how they are alike. `article_id` is the greater number.",
    "minhash_signatures": "Which articles have a MinHash signature in `lsh_bands`, and by which version.",
    "lsh_bands": "The LSH index of the MinHash signatures (24 numbers of 32 bits a text; a short one has none): which "
    "articles have a number. It holds a bounded number of articles for each, so it does not count them.",
    "search_index_pending": "Changed articles that the search index next to the archive has not read yet, recorded "
    "by triggers. See [search.md](search.md).",
    "search_index_state": "Which state of that index belongs to this database.",
    "saved_searches": "Saved searches ([search.md](search.md#saved-searches)): `query` is JSON, `key` the name as "
    "names are compared; `newest_article` and `newest_revision` are the greatest numbers when it was last run.",
    "saved_search_hits": "Articles that a saved search has reported, when (`found_at`; empty for those that it found "
    "when it was saved), and why: new, edited or changed (`reason`).",
    "requisites": "Images, stylesheets and fonts that pages need, one row a URL of a site: its `outcome` (as of a "
    "page), its last capture, and when it is due. `wanted` is lead or page, `depth` counts the "
    "stylesheets between a page and it. They are not pages, and are not counted with them. See "
    "[data.md](data.md#captures).",
    "article_requisites": "Which article needs which of them, as its lead image or otherwise (`role`).",
    "requisite_parts": "What a stylesheet names, and where a redirect leads.",
    "imports": "One row a file that was imported, with its result (`counts`, and the first hundred `problems`, as "
    "JSON). "
    "An interrupted import continues at `member_offset` and `inner_offset`; `options` says which part of "
    "the "
    "file was requested. `outcome` is finished, limited or unreadable, and empty while the import is under "
    "way or was interrupted. An import from a web archive has one row for each URL and time that was "
    "requested: `name` is what the URLs of its captures begin with, `outcome` may be interrupted, waiting "
    "or "
    "failed, too. See [import.md](import.md).",
    "historical_pages": "Historical captures that were read and show no article: `key` is a digest of URL and payload, "
    "`kind` says what the page is. Of captures from a web archive (`memento`) it is a digest of "
    "URL, "
    "time and payload.",
    "historical_responses": "What URLs answered in historical captures in place of a page: gone (`target` is the "
    "status), or a redirect to `target` (a urlkey).",
    "unresolved_revisits": "Revisit records whose original has not been imported yet.",
    "tombstones": "What remains of posts that were removed ([operate.md](operate.md#takedown)): `article_id` is the "
    "number that a post had. It is recognized by `post_id`, `guid` and `content_digest`. `erased_at` is empty while a "
    "file may still hold something of it; since `allowed_at` it may be archived again. `record_id` is "
    "its "
    "ID in datasets.",
    "tombstone_urls": "The URLs of removed posts; two triggers on `pages` keep them from being requested.",
    "tombstone_payloads": "Digests of the payloads of removed posts.",
    "backups": "Where the backups of this archive are, one row a file that `archiver backup` wrote, and when the last "
    "one that passed its checks was made ([operate.md](operate.md#backup-and-restore)).",
    "integrity_checks": "One row a check of the archive: by `archiver verify` of everything (verify), or of what was "
    "not read for the longest time (part), as `archiver schedule` does each night.",
    "checked_units": "When a check last read each part of the archive: a table with its indexes, a range of articles "
    "or a WARC file.",
    "damages": "What checks found damaged, until a later check finds it whole: findings of `archiver status --health`.",
}

VIEWS = {
    "article_urls": (
        "Every URL that an article is known by; its own has the kind url, the others are its aliases. Writing to it\n"
        "writes to `aliases`.",
        "Where the article that was found at a URL is now:",
        "select a.url from article_urls d join articles a on a.id = d.article_id where d.url = "
        "'https://blog.example.org/2024/05/old-name/'",
    ),
    "page_sources": (
        "Which discovery sources found a page (feed, sitemap, api, cdx, listing, link, redirect, seed or import), and\n"
        "where (`found_on`). A CDX list also says when the web archive captured it first and last.",
        "Which sitemaps list articles:",
        "select s.found_on, count(*) from page_sources s join pages p on p.id = s.page_id "
        "where s.source = 'sitemap' and p.article_id is not null group by 1",
    ),
    "evidence": (
        "One row a candidate that an article's page had for a field, when last read: what it says (`value`),\n"
        "who says so (`source`, `locator`), and how reliable that source is (`confidence`, 0 to 1).\n"
        "`archiver show ID --evidence` tells which one won, and why.",
        "Which sources tell the authors of a site's articles, and how often:",
        "select source, count(*) from evidence where field = 'authors' and site = 'blog.example.org' group by source",
    ),
    "provenance": (
        "One row a value of an article: the source it was taken from and its position there, which extractor read\n"
        "it, from which capture and when. A list of places or credits has a row for each source. See\n"
        "[data.md](data.md#revisions).",
        "Values that were not read by the version that read the rest of their article:",
        "select p.article_id, p.field, p.extractor from provenance p join articles a on a.id = p.article_id "
        "where p.extractor <> a.extractor",
    ),
    "article_revisions": (
        "One row a revision of an article with all its fields, in the columns of the record; `is_current` is 1 on the\n"
        "one that `articles` has.",
        "The first revision of each article that was edited:",
        "select article_id, title, body from article_revisions where revision = 1 and is_current = 0",
    ),
    "revision_provenance": (
        "The same for earlier revisions, as far as their evidence was kept.",
        "Where the first headline of an article was found:",
        "select source, locator from revision_provenance where article_id = 1 and revision = 1 and field = 'title'",
    ),
    "headlines": (
        "One row a headline of an article: the first, and each that took the place of another (`previous`).",
        "Headlines that were changed after publication:",
        "select article_id, observed_at, previous, title from headlines where previous is not null",
    ),
    "cluster_members": (
        "One row an article that is in a cluster of near copies; `similarity` to the member that it is most like.\n"
        "`archiver show` lists those of one article.",
        "Stories that were published on more than two sites, with their source:",
        "select cluster_id, count(distinct site) as sites, max(case when is_source then url end) as source "
        "from cluster_members group by cluster_id having sites > 2 order by sites desc",
    ),
    "source_disagreements": (
        "One row a field of an article on which its page's candidates do not agree: how many answers there are, and\n"
        "from which sources. These are the values worth a look by a person.",
        "Articles with different candidates for the day of publication, those with the most first:",
        "select article_id, answers, sources from source_disagreements where field = 'published' order by answers desc",
    ),
}


def table(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> Iterator[str]:
    """A Markdown table."""
    yield f"| {' | '.join(heads)} |"
    yield f"|{'---|' * len(heads)}"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"


def commands() -> str:
    out = [
        NOTE,
        "# Commands\n",
        "Every command has `--help`. Errors are one sentence on the standard error. Exit codes: 0 done;\n"
        "1 findings, a partial failure, or something that is not there; 2 wrong usage; 130 stopped by Ctrl-C.\n",
        "Most commands also have `--archive PATH`, the archive's SQLite file (default: `ARCHIVER_ARCHIVE`, or\n"
        "output/archive.db), and `--json` or `--csv`, which print data instead of text.\n",
    ]
    context = click.Context(cli, info_name="archiver", terminal_width=WIDTH, max_content_width=WIDTH)
    section = ""
    for entry in COMMANDS:
        if entry.section != section:
            section = entry.section
            out.append(f"## {section or 'Other'}\n")
        out += _help(entry.load(), entry.name, context, "###")
    return "\n".join(out)


def _help(command: click.Command, name: str, parent: click.Context, level: str) -> Iterator[str]:
    context = click.Context(
        command,
        info_name=name,
        parent=parent,
        terminal_width=WIDTH,
        max_content_width=WIDTH,
        **{"help_option_names": ["-h", "--help"], **command.context_settings},
    )
    yield f"{level} {context.command_path}\n"
    shown = context.get_help().splitlines()
    yield "```text\n" + "\n".join(_without_common_options(shown)).rstrip() + "\n```\n"
    if isinstance(command, click.Group):
        for sub in command.list_commands(context):
            found = command.get_command(context, sub)
            assert found is not None
            yield from _help(found, sub, context, level + "#")


COMMON_OPTIONS = ("--archive", "-h, --help", "--json ", "--csv ")


def _without_common_options(lines: list[str]) -> Iterator[str]:
    """Yields the lines of a command's help, without the options that the page describes once."""
    is_left_out = False
    for line in lines:
        if line.startswith("  -"):
            is_left_out = line.strip().startswith(COMMON_OPTIONS)
        elif not line.startswith("   "):
            is_left_out = False
        if not is_left_out:
            yield line


def fields() -> str:
    rows = [
        (
            f"`{f.name}`",
            SHAPES[f.shape],
            f.doc,
            f"{f.weight:g}" if f.weight else "",
            "yes" if f.facet else "",
            "yes" if f.meaning else "",
            "yes" if f.choice else "",
            f.published,
            f.schema_org,
            f.dublin_core,
        )
        for f in FIELDS
    ]
    heads = (
        "field",
        "form",
        "what it is",
        "search weight",
        "facet",
        "makes a revision",
        "evidence",
        "in datasets from",
        "schema.org",
        "Dublin Core",
    )
    return "\n".join(
        [
            NOTE,
            "# Fields of a record\n",
            "One record, as `archiver export` and `archiver show --json` print it, in this order. A value that is not\n"
            "known is `null`, or an empty text or list.\n",
            *table(heads, rows),
            "",
            "*Evidence*: the candidates for its value are kept. *In datasets from*: the lowest tier of a dataset that\n"
            "gives it ([datasets.md](datasets.md)); one of `excerpt` is shortened there.\n",
            f"An object of `geotags` has {_names(GEOTAG_KEYS)}; degrees are WGS 84,\n"
            "positive north and east, and `null` for a place that is only named. `role` is content, dateline, author\n"
            "or publisher.\n",
            f"`capture` has {_names(CAPTURE_KEYS)}: the WARC\nrecord that the article was last read from.\n",
        ]
    )


def _names(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def schema() -> str:
    db = Database(memory=True)
    migrations().apply(db)
    ours = [name for name in db.table_names() if not name.startswith(("_", "sqlite_"))]
    out = [
        NOTE,
        "# The archive's tables\n",
        "An archive is one SQLite file. Times are ISO 8601 text; lists and objects are JSON text. A column without\n"
        "a type is text; `*` is the key, `?` a column that may be empty, and `->` names what it refers to.\n",
        "```mermaid\nerDiagram\n" + "\n".join(_entities(db)) + "\n```\n",
    ]
    for name in sorted(ours, key=list(TABLES).index):
        out += [f"## {name}\n", TABLES[name] + "\n"]
        keys = {key.column: f"{key.other_table}.{key.other_column}" for key in db[name].foreign_keys}
        out.append(", ".join(_column(c, keys.get(c.name, "")) for c in db[name].columns) + "\n")
        indexes = [
            f"{', '.join(i.columns)}{' (unique)' if i.unique else ''}"
            for i in db[name].indexes
            if not i.name.startswith("sqlite_")
        ]
        if indexes:
            out.append(f"Indexes: {'; '.join(indexes)}.\n")
    for name in sorted(db.view_names(), key=list(VIEWS).index):
        what, asks, query = VIEWS[name]
        out += [
            f"## {name} (view)\n",
            what + "\n",
            f"Columns: {_names(tuple(c.name for c in db[name].columns))}.\n",
            f"{asks}\n",
            f"```sql\n{query}\n```\n",
        ]
        db.execute(query)
    db.close()
    return "\n".join(out)


def _column(column: Column, target: str) -> str:
    kind = "" if column.type.lower() == "text" else f" {column.type.lower()}"
    mark = "*" if column.is_pk else "" if column.notnull else "?"
    return f"`{column.name}`{mark}{kind}{f' -> {target}' if target else ''}"


ENTITIES = (
    "sites", "runs", "pages", "captures", "articles", "revisions", "clusters",
    "authors", "categories", "tags", "geotags", "article_authors", "article_categories", "article_tags",
)  # fmt: skip


def _entities(db: Database) -> Iterator[str]:
    """Yields the lines of a picture of the main tables: a line a reference of one to another."""
    for name in ENTITIES:
        for key in db.table(name).foreign_keys:
            if key.other_table in ENTITIES and key.other_table != name:
                yield f'    {key.other_table} ||--o{{ {name} : "{key.column}"'


PAGES = {"commands.md": commands, "fields.md": fields, "schema.md": schema}


def stale() -> list[str]:
    """Names of the files that differ from what the code generates."""
    return [
        name
        for name, make in PAGES.items()
        if not (HERE / name).exists() or (HERE / name).read_text(encoding="utf-8") != make()
    ]


def main() -> None:
    check = "--check" in sys.argv[1:]
    for name in stale():
        if check:
            print(f"docs/{name} is stale: run 'make docs'.", file=sys.stderr)
        else:
            (HERE / name).write_text(PAGES[name](), encoding="utf-8")
            print(f"docs/{name} written")
    if check and stale():
        sys.exit(1)


if __name__ == "__main__":
    main()
