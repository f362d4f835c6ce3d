"""`python -m archiver` is the command `archiver`."""

from archiver.cli.main import cli

cli(prog_name="archiver")
