"""The tables of articles: revisions, captures, evidence, near-duplicate clusters."""
