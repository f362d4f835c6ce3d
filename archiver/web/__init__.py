"""The archivist's pages, on Datasette: what `archiver serve` shows in a browser.

    server.py     opens the archive for reading, makes the application, serves it
    plugin.py     the hooks that Datasette calls: our addresses, its menu, the headers of every answer
    pages/        one file a page, and the table of them: what was asked -> what is answered
    templates/    one a page, over layout.html; static/ has the style sheet and the scripts

A page asks `archiver.search` and `archiver.storage`, as the commands do: there is no second way to an answer. Nothing
here writes to an archive.
"""
