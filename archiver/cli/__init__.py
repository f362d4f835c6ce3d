"""The command line of archiver: the commands are in `commands`; `main` defines the command group."""
