"""Marks, which are the structure of a text over its plain text, and the HTML and Markdown written from them."""
