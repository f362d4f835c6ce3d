"""Crawls sites on many machines. Each site is a job in PostgreSQL and has its own archive, called its shard. Only one
worker at a time crawls a site into its shard.
"""
