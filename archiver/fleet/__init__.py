"""Many machines: one site is one job in PostgreSQL, crawled by one worker at a time into its own archive, its shard."""
