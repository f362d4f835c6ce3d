"""Writes the parts of the documentation that the code already says: commands, fields, schema.

    python docs/generate.py            writes docs/commands.md, fields.md, schema.md and archiver.1
    python docs/generate.py --check    writes nothing; names what is stale and exits with 1
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import click  # noqa: E402
import manpage  # noqa: E402
from sqlite_utils import Database  # noqa: E402

from archiver.commands.main import COMMANDS, cli  # noqa: E402
from archiver.fields import CAPTURE_KEYS, FIELDS, GEOTAG_KEYS  # noqa: E402
from archiver.store import fulltext  # noqa: E402
from archiver.store.migrations import migrations  # noqa: E402

WIDTH = 100
NOTE = "<!-- Written by docs/generate.py; change the code it is taken from, then run `make docs`. -->\n"
SHAPES = {
    "text": "text", "integer": "integer", "time": "ISO 8601 with zone", "texts": "list of text",
    "geotags": "list of objects", "capture": "object",
}
TABLES = {
    "sites": "What is crawled: one row a site, `settings` as JSON.",
    "runs": "One row a crawl of a site, with what it did and what it measured (`measures`, JSON: "
            "[operation.md](operation.md)). `outcome` is finished, waiting (the host asked for a pause, or its "
            " robots.txt cannot be read), interrupted or failed.",
    "pages": "The ledger: one row for every address ever found, with what came of it. It is the crawl's memory.",
    "health": "How each site did when it was judged last, `since` when, and what was found (JSON); `accepted` "
              "are findings that a person took note of. See [operation.md](operation.md).",
    "notices": "Messages about changes of health (JSON), one row for each way that they go; `outcome` is due, sent or "
               "failed, `reason` why.",
    "site_tags": "Tags of sites, which make groups of them.",
    "host_files": "robots.txt and tdmrep.json of each host, as last read.",
    "rights": "What a response said of its use (`archiver why URL` shows it): `source` is header, meta, link or file, "
              "`agent` the crawler it is meant for, if not all. See [politeness.md](politeness.md).",
    "page_tellers": "Who told of a page. `found_page` is the page that it was found on, `found_on` the place "
                    "where that is none; `last_seen` is empty where it is `first_seen`. Read the view "
                    "[page_sources](#page_sources-view), which has all.",
    "captures": "One row a stored response: where its WARC record lies, `warc_file` relative to the archive's folder. "
                "Of those that an import brought, `import_id` says which, `article_id` the article that it shows; "
                "`aside` is 1 where that is a stub, or the same text at another address.",
    "evidence_kinds": "What candidates of many posts share: field, source, locator and confidence, each once. The "
                      "numbers in `articles.evidence` are theirs; the view `evidence` lays it out.",
    "page_counts": "How many pages of a site are of a kind and came to an outcome, kept current by triggers: with an "
                   "empty `source` each page once, with a source those that it told of. `with_article`: an article was "
                   "read from them.",
    "requisites": "Images, stylesheets and fonts that pages need to be shown, one row an address of a site: what came "
                  "of it (`outcome` as of a page), its last capture, and when it is asked for again. `wanted` is lead "
                  "or page, `depth` counts the stylesheets between a page and it. They are no pages, and count in no "
                  "balance. See [captures.md](captures.md).",
    "article_requisites": "Which article needs which of them, as its lead image or otherwise (`role`).",
    "requisite_parts": "What a stylesheet names, and where a redirect leads.",
    "imports": "One row a file of captures that was read in, with what came of it (`counts`, and the first hundred "
               "`problems`, as JSON). `member` and `inner` are the place from which a broken import goes on, `options` "
               "what of the file was asked for. `outcome` is finished, limited or unreadable, and empty while the "
               "import is under way or was broken off. What was fetched from a web archive has one row for each "
               "address and time that was asked for: `name` is what the addresses of its captures begin with, "
               "`outcome` may be interrupted, waiting or failed, too. See [past.md](past.md).",
    "past_pages": "Pages that imports read and that are no posts: `key` is a digest of address and payload, `kind` "
                  "says what they are. Of captures that were fetched from a web archive (`memento`) it is one of "
                  "address, time and payload.",
    "past_answers": "What addresses answered in imported captures in place of a page: gone (`target` is the status), "
                    "or a redirect to `target` (a urlkey).",
    "past_revisits": "Revisit records of imports whose original has not come to light yet.",
    "removals": "Tombstones of posts that were taken out ([upkeep.md](upkeep.md)): `article_id` is the number that a "
                "post had. `post_id`, `guid` and `content_digest` are what it is known again by. `erased_at` is empty "
                "while something of it may still be in a file; since `allowed_at` it may come back. "
                "`record_id` is what it was called in datasets.",
    "removed_addresses": "The addresses at which removed posts are kept out; two triggers on `pages` see to it.",
    "removed_payloads": "Digests of the payloads of removed posts.",
    "warc_rewrites": "WARC files that are being written anew without some records; `done` once the rows point to the "
                     "new file. Empty but after a kill.",
    "clusters": "Groups of near copies ([copies.md](copies.md)), one row for every number that was ever given: "
                "`source_id` is the member that the others come from and `reason` says why; one that was merged or "
                "has no members left has `size` 0.",
    "near_copies": "Pairs of articles that are near copies: the share of their words (0 to 1) that stand in word "
                   "sequences of both, and how they are alike. `article_id` is the greater number.",
    "cluster_sketches": "Which texts were compared with the others, and by which version of the sketch.",
    "cluster_bands": "The index of the MinHash sketches (24 numbers of 32 bits a text; a short one has none): which "
                     "articles have a number. Bounded for each number, so it tells "
                     "nothing of how many there are.",
    "articles": "The current state, one row an article, with the columns of the record. Lists are JSON.",
    "aliases": "The addresses of articles beside their own: what leads to them (redirect), another way to them (copy), "
               "where they were (moved). Read the view [addresses](#addresses-view), which has all.",
    "parts": "The pages of a post that has several: `post` is the urlkey of the first, `number` 0 a view of all.",
    "revisions": "One row a version of an article, the current one too. `content` (JSON) is what it says; of the "
                 "one that stands only what differs from `articles`: the view `versions` has all. `previous` stood "
                 "before it, `same_as` is an earlier version that it repeats; `seen_again` counts returns to it that "
                 "made no version. See [revisions.md](revisions.md).",
    "reextractions": "One row a run of `archiver reextract`: what was asked for (JSON), and what came of it. One that "
                     "was stopped has no `finished_at`, and goes on when it is asked for again.",
    "site_rules": "What a site taught of its template, one row a version: TOML, and the captures it holds for "
                  "(`since`, `until`). Rules by hand hold for all. See [learning.md](learning.md).",
    "authors": "Names of authors.", "categories": "Names of categories.", "tags": "Names of tags.",
    "article_authors": "Who wrote an article, in the page's order.",
    "article_categories": "Where an article was filed, in the page's order.",
    "article_tags": "What an article is tagged with, in the page's order.",
    "geotags": "One row a place that an article names (WGS 84).",
    "articles_fts": f"The full-text index (FTS5, `{fulltext.TOKENIZER}`) over "
                    f"{', '.join(fulltext.COLUMNS)} of `articles`.",
    "full_text_waits": "Articles that a batch has written and not yet entered there: empty but within a transaction.",
    "search_changes": "Articles that the search index beside the archive does not know yet as they are, noted by "
                      "triggers. See [search.md](search.md).",
    "saved_searches": "Queries under a name ([collect.md](collect.md)): `query` is JSON, `key` the name as it is "
                      "compared; `newest_article` and `newest_revision` are the greatest numbers that there were when "
                      "it was run last.",
    "saved_search_hits": "Which articles a saved search has told of, when (`found_at`; empty for those that it found "
                         "when it was saved), and whether each was new, edited or changed (`why`).",
    "search_state": "Which state of that index belongs to this database.",
}

VIEWS = {
    "addresses": (
        "Every address that an article is known by; its own has the kind url, the others are its aliases. It can be\n"
        "written to, as the table of this name could that earlier releases had.",
        "Where the article that was found at an address is now:",
        "select a.url from addresses d join articles a on a.id = d.article_id where d.url = "
        "'https://blog.example.org/2024/05/old-name/'",
    ),
    "page_sources": (
        "Who told of a page: feed, sitemap, api, cdx, listing, link, redirect, seed, ledger or import, and where\n"
        "(`found_on`). Of what a web archive told (cdx), when it was captured there first and last.",
        "Which sitemaps told of articles:",
        "select s.found_on, count(*) from page_sources s join pages p on p.id = s.page_id "
        "where s.source = 'sitemap' and p.article_id is not null group by 1",
    ),
    "evidence": (
        "One row a candidate that an article's page had for a field, when last read: what it says (`value`),\n"
        "who says so (`source`, `locator`), and how much that is believed by itself (`confidence`, 0 to 1).\n"
        "`archiver show ID --evidence` tells which one won, and why.",
        "Which sources tell the authors of a site's articles, and how often:",
        "select source, count(*) from evidence where field = 'authors' and site = 'blog.example.org' group by source",
    ),
    "provenance": (
        "One row a value of an article: the source it was taken from and where it stands there, which extractor read\n"
        "it, from which capture and when. A list of places or credits has a row for each source. See\n"
        "[revisions.md](revisions.md).",
        "Values that were not read by the version that read the rest of their article:",
        "select p.article_id, p.field, p.extractor from provenance p join articles a on a.id = p.article_id "
        "where p.extractor <> a.extractor",
    ),
    "versions": (
        "One row a version of an article with all that it says, in the columns of the record; `stands` is 1 on the\n"
        "one that `articles` has.",
        "What the first version of each article that was edited said:",
        "select article_id, title, body from versions where revision = 1 and stands = 0",
    ),
    "past_provenance": (
        "The same of versions that were superseded, as far as their evidence was kept.",
        "Where the first headline of an article stood:",
        "select source, locator from past_provenance where article_id = 1 and revision = 1 and field = 'title'",
    ),
    "headlines": (
        "One row a headline of an article: the first, and each that took the place of another (`previous`).",
        "Headlines that were changed after publication:",
        "select article_id, observed_at, previous, title from headlines where previous is not null",
    ),
    "cluster_members": (
        "One row an article that is in a cluster of near copies; `similarity` to the member that it is most like.\n"
        "`archiver clusters` shows the same.",
        "Stories that stand on more than two sites, and where they are from:",
        "select cluster_id, count(distinct site) as sites, max(case when is_source then url end) as source "
        "from cluster_members group by cluster_id having sites > 2 order by sites desc",
    ),
    "disagreements": (
        "One row a field of an article on which its page's candidates do not agree: how many answers there are, and\n"
        "from which sources. These are the values worth a look by a person.",
        "Articles whose day of publication is told in more than one way, the most answers first:",
        "select article_id, answers, sources from disagreements where field = 'published' order by answers desc",
    ),
}


def table(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> Iterator[str]:
    """A Markdown table."""
    yield f"| {' | '.join(heads)} |"
    yield f"|{'---|' * len(heads)}"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"


def commands() -> str:
    out = [NOTE, "# Commands\n",
           "Every command has `--help`. Errors are one sentence on the standard error. Exit codes: 0 done;\n"
           "1 findings, a partial failure, or something that is not there; 2 wrong usage; 130 stopped by Ctrl-C.\n"]
    context = click.Context(cli, info_name="archiver", terminal_width=WIDTH, max_content_width=WIDTH)
    section = ""
    for entry in COMMANDS:
        if entry.section != section:
            section = entry.section
            out.append(f"## {section}\n")
        out += _help(entry.load(), entry.name, context, "###")
    return "\n".join(out)


def _help(command: click.Command, name: str, parent: click.Context, level: str) -> Iterator[str]:
    context = click.Context(command, info_name=name, parent=parent, terminal_width=WIDTH, max_content_width=WIDTH,
                            **{"help_option_names": ["-h", "--help"], **command.context_settings})
    yield f"{level} {context.command_path}\n"
    yield "```text\n" + command.get_help(context).rstrip() + "\n```\n"
    if isinstance(command, click.Group):
        for sub in command.list_commands(context):
            found = command.get_command(context, sub)
            assert found is not None
            yield from _help(found, sub, context, level + "#")


def fields() -> str:
    rows = [(f"`{f.name}`", SHAPES[f.shape], f.doc, f"{f.weight:g}" if f.weight else "", "yes" if f.facet else "",
             "yes" if f.meaning else "", "yes" if f.choice else "", f.published, f.schema_org, f.dublin_core)
            for f in FIELDS]
    heads = ("field", "form", "what it is", "search weight", "facet", "makes a revision", "evidence",
             "in datasets from", "schema.org", "Dublin Core")
    return "\n".join([
        NOTE, "# Fields of a record\n",
        "One record, as `archiver export` and `archiver show --json` print it, in this order. What is not known is\n"
        "`null`, or an empty text or list.\n",
        *table(heads, rows), "",
        "*Evidence*: the candidates for its value are kept. *In datasets from*: the lowest tier of a dataset that\n"
        "gives it ([publish.md](publish.md)); one of `excerpt` is shortened there.\n",
        f"An object of `geotags` has {_names(GEOTAG_KEYS)}; degrees are WGS 84,\n"
        "positive north and east, and `null` for a place that is only named. `role` is content, dateline, author or\n"
        "publisher.\n",
        f"`capture` has {_names(CAPTURE_KEYS)}: the WARC\nrecord that the article was last read from.\n",
    ])


def _names(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def schema() -> str:
    db = Database(memory=True)
    migrations.apply(db)
    ours = [name for name in db.table_names() if not name.startswith(("_", "sqlite_", "articles_fts_"))]
    out = [NOTE, "# The archive's tables\n",
           "An archive is one SQLite file. Times are ISO 8601 text; lists and objects are JSON text.\n"]
    for name in sorted(ours, key=list(TABLES).index):
        out += [f"## {name}\n", TABLES[name] + "\n"]
        if name == "articles_fts":
            continue
        keys = {key.column: f"{key.other_table}.{key.other_column}" for key in db[name].foreign_keys}
        rows = [(f"`{c.name}`", c.type.lower(), "yes" if c.is_pk else "", keys.get(c.name, ""),
                 "no" if c.notnull or c.is_pk else "") for c in db[name].columns]
        out += [*table(("column", "type", "key", "refers to", "may be empty"), rows), ""]
        indexes = [f"{', '.join(i.columns)}{' (unique)' if i.unique else ''}" for i in db[name].indexes
                   if not i.name.startswith("sqlite_")]
        if indexes:
            out.append(f"Indexes: {'; '.join(indexes)}.\n")
    for name in sorted(db.view_names(), key=list(VIEWS).index):
        what, asks, query = VIEWS[name]
        out += [f"## {name} (view)\n", what + "\n", f"Columns: {_names(tuple(c.name for c in db[name].columns))}.\n",
                f"{asks}\n", f"```sql\n{query}\n```\n"]
        db.execute(query)
    db.close()
    return "\n".join(out)


PAGES = {"commands.md": commands, "fields.md": fields, "schema.md": schema, "archiver.1": manpage.page}


def stale() -> list[str]:
    """Names of the files that are not as the code says."""
    return [name for name, make in PAGES.items()
            if not (HERE / name).exists() or (HERE / name).read_text(encoding="utf-8") != make()]


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
