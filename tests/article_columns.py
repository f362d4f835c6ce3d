"""The columns of `articles` that hold what the post says; a revision stores the same fields as JSON."""

CONTENT_COLUMNS = (
    "url",
    "canonical_url",
    "title",
    "body",
    "authors",
    "published",
    "published_precision",
    "modified",
    "categories",
    "tags",
    "geotags",
    "language",
    "description",
    "image",
    "credits",
)
