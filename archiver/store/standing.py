"""The version that stands in `articles`: its row of `revisions` holds only what differs from there, so that no text is
stored twice.

A field that `revisions.content` lacks is as `articles` has it. Before a field or the number of the standing version is
changed in `articles`, by whatever program, triggers write the old value into its version.
"""

from __future__ import annotations

TEXTS = ("url", "canonical_url", "title", "body", "published", "published_precision", "modified", "language",
         "description", "image")
LISTS = ("authors", "categories", "tags", "geotags", "credits")
FOLLOWING = ("url", "canonical_url", "modified", "image")
"""Of these an article has the newest reading, while its version has what they were when it was seen first."""


def _as_json(article: str, name: str) -> str:
    """A column as JSON functions take it; what is no JSON goes as text, so that no statement fails of it."""
    column = f"{article}.{name}"
    return f"case when json_valid({column}) then json({column}) else {column} end" if name in LISTS else column


def filled(content: str, article: str, names: tuple[str, ...]) -> str:
    """The content with the fields that it lacks, of a row of `articles`."""
    values = ", ".join(f"'$.{name}', {_as_json(article, name)}" for name in names)
    return f"json_insert({content}, {values})"


WHOLE = (f"case when r.revision = a.revision and json_valid(r.content) then {filled('r.content', 'a', TEXTS + LISTS)} "
         "else r.content end")
"""All that a version says, as JSON: of a row `r` of revisions and the row `a` of its article."""


SHORTENED = f"""
    update revisions set content = (
        select json_remove(revisions.content, '$._', {', '.join(
            f"iif(json_extract(revisions.content, '$.{n}') is a.{n}, '$.{n}', '$._')" for n in TEXTS)}, {', '.join(
            f"iif(json_extract(revisions.content, '$.{n}') = {_as_json('a', n)}, '$.{n}', '$._')" for n in LISTS)})
        from articles a where a.id = revisions.article_id)
    where json_valid(content) and revision = (select a.revision from articles a where a.id = revisions.article_id)"""
"""Takes out of the standing versions what is as `articles` has it: of all, or of some where `and ...` follows."""
