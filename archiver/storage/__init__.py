"""The SQLite database of an archive: its schema, and functions that read and write its tables."""
