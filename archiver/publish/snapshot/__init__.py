"""A snapshot: the archive, as a query and a cut-off fix it, as files that are the same bytes whenever they are built.

`request` says what is asked for, `choose` which articles it is, `evidence` what of them may be published, `rows` reads
them, `withhold` leaves out what may not go, `tables` says what each file holds, `files` writes it, `build` does it all
beside the folder that it is for, and `check` says whether a folder is what it says.
"""
