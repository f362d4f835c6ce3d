"""The search index beside an archive, in ARCHIVE-search/: made from the database alone, and made anew at any time."""
