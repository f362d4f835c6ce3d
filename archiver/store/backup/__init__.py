"""Copies of an archive while it is written: `database` the rows, `captures` the WARC files that they point to."""
