"""Searches an archive: query language, index, ranking, facets, citations, saved searches, exports."""
