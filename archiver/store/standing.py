"""The version that stands in `articles`: its row of `revisions` holds only what differs from there, so that no text is
stored twice. Made by migration m016, and released: a later step drops what it changes.

A field that `revisions.content` lacks is as `articles` has it. Before a field or the number of the standing version is
changed in `articles`, by whatever program, triggers write the old value into its version.
"""

from __future__ import annotations

from archiver.fields import LATEST, PAGE_FIELDS, STORED_LISTS

TEXTS = tuple(name for name in PAGE_FIELDS if name not in STORED_LISTS)
LISTS = tuple(name for name in PAGE_FIELDS if name in STORED_LISTS)
FOLLOWING = LATEST
"""Of these an article has the newest reading, while its version has what they were when it was seen first."""


def _as_json(article: str, name: str) -> str:
    """A column as JSON functions take it; what is no JSON goes as text, so that no statement fails of it."""
    column = f"{article}.{name}"
    return f"case when json_valid({column}) then json({column}) else {column} end" if name in LISTS else column


def _filled(content: str, article: str, names: tuple[str, ...]) -> str:
    """The content with the fields that it lacks, of a row of `articles`."""
    values = ", ".join(f"'$.{name}', {_as_json(article, name)}" for name in names)
    return f"json_insert({content}, {values})"


WHOLE = (f"case when r.revision = a.revision and json_valid(r.content) then {_filled('r.content', 'a', TEXTS + LISTS)} "
         "else r.content end")
"""All that a version says, as JSON: of a row `r` of revisions and the row `a` of its article."""


def _trigger(name: str, names: tuple[str, ...], more: tuple[str, ...] = ()) -> str:
    changed = " or ".join(f"old.{column} is not new.{column}" for column in (*names, *more))
    filled = names if not more else TEXTS + LISTS
    return f"""create trigger {name} before update of {', '.join((*names, *more))} on articles
    when {changed} begin
        update revisions set content = {_filled('content', 'old', filled)}
        where article_id = old.id and revision = old.revision and json_valid(content);
    end"""


def _column(name: str) -> str:
    return (f"case when r.revision = a.revision and json_type(r.content, '$.{name}') is null then a.{name} "
            f"else json_extract(r.content, '$.{name}') end as {name}")


TRIGGERS = (
    _trigger("articles_followed_bu", FOLLOWING),
    _trigger("articles_superseded_bu", tuple(n for n in TEXTS + LISTS if n not in FOLLOWING), ("revision",)),
)
VERSIONS = f"""
    select r.id, r.article_id, a.site, r.revision, r.revision = a.revision as stands, r.observed_at, r.capture_id,
           r.changed, r.previous, r.same_as, r.seen_again, {', '.join(map(_column, TEXTS + LISTS))}
    from revisions r join articles a on a.id = r.article_id"""
SHORTENED = f"""
    update revisions set content = (
        select json_remove(revisions.content, '$._', {', '.join(
            f"iif(json_extract(revisions.content, '$.{n}') is a.{n}, '$.{n}', '$._')" for n in TEXTS)}, {', '.join(
            f"iif(json_extract(revisions.content, '$.{n}') = {_as_json('a', n)}, '$.{n}', '$._')" for n in LISTS)})
        from articles a where a.id = revisions.article_id)
    where json_valid(content) and revision = (select a.revision from articles a where a.id = revisions.article_id)"""
"""Takes out of the standing versions what is as `articles` has it: of all, or of some where `and ...` follows."""
