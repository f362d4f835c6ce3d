"""The structure of an article's text: marks over its plain text, and the HTML, Markdown, TEI and EPUB made from them."""
