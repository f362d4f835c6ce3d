"""Marks, which give a plain text its structure (headings, links ...), and the HTML and Markdown written from them."""
