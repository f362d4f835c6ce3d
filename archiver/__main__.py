"""`python -m archiver` is the command `archiver`."""

from archiver.commands.main import cli

cli(prog_name="archiver")
