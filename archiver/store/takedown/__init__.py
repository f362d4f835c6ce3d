"""Taking a post out of the archive, and keeping it out.

`plan` finds what of the archive shows a post, `purge` takes out its rows, `warcs` its records; `finish` does it all,
and goes on where it was stopped. `schema` is what m017 made for it.
"""
