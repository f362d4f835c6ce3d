"""Commands for many sites at a time: `sites import`, `export`, `tag` and `check`."""
