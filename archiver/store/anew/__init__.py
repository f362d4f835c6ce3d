"""Re-extraction: what the archive holds is read once more from its captures, by the extraction of today.

`request` says what is wanted, `reading` reads an article (in any process: it writes nothing), `writing` puts what was
read in the place of what is stored. It is no edit of the site: no version comes of it.
"""
