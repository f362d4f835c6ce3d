"""The text of a page in blocks, and what of it is no text of the post."""
