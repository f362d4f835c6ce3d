"""The commands of `archiver`: each file has one command, or a few that belong together."""
