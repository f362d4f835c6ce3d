"""The command line: one file per command; `main` holds the group."""
