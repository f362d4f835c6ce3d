"""Crawling with many machines: each site is a job in PostgreSQL, crawled by one worker at a time into an archive of its
own, called its shard.
"""
