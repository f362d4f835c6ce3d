"""The current revision: its row of `revisions` holds only the fields that differ from `articles`, so that no text is
stored twice.

A field that `revisions.content` lacks is as `articles` has it. Before a field or the number of the current revision
changes in `articles`, whatever program changes it, triggers write the old value into its revision (`schema`).
"""

from __future__ import annotations

from archiver.fields import LATEST, PAGE_FIELDS, STORED_LISTS

TEXTS = tuple(name for name in PAGE_FIELDS if name not in STORED_LISTS)
LISTS = tuple(name for name in PAGE_FIELDS if name in STORED_LISTS)
FOLLOWING = LATEST
"""Of these an article has the newest reading, while its version has what they were when it was seen first."""


def _as_json(article: str, name: str) -> str:
    """A column as JSON functions take it; invalid JSON is passed as text, so that no statement fails."""
    column = f"{article}.{name}"
    return f"case when json_valid({column}) then json({column}) else {column} end" if name in LISTS else column


def filled(content: str, article: str, names: tuple[str, ...]) -> str:
    """SQL: `content` with the fields that it lacks, from a row of `articles`."""
    values = ", ".join(f"'$.{name}', {_as_json(article, name)}" for name in names)
    return f"json_insert({content}, {values})"


WHOLE = (f"case when r.revision = a.revision and json_valid(r.content) then {filled('r.content', 'a', TEXTS + LISTS)} "
         "else r.content end")
"""SQL: all fields of a revision as JSON, from a row `r` of revisions and the row `a` of its article."""


SHORTENED = f"""
    update revisions set content = (
        select json_remove(revisions.content, '$._', {', '.join(
            f"iif(json_extract(revisions.content, '$.{n}') is a.{n}, '$.{n}', '$._')" for n in TEXTS)}, {', '.join(
            f"iif(json_extract(revisions.content, '$.{n}') = {_as_json('a', n)}, '$.{n}', '$._')" for n in LISTS)})
        from articles a where a.id = revisions.article_id)
    where json_valid(content) and revision = (select a.revision from articles a where a.id = revisions.article_id)"""
"""SQL: removes from the current revisions the fields that are as `articles` has them; `and ...` may follow."""
