"""Crawling with many machines: each site is a job in PostgreSQL, and has an archive for itself, called its shard. Only
one worker at a time crawls a site into its shard.
"""
