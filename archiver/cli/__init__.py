"""The command line of archiver: one file per command in `commands`; `main` defines the command group."""
