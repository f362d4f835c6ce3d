"""The structure of a text: marks over plain text, and the HTML, Markdown and TEI written from them."""
