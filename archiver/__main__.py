"""Runs the command line of archiver for `python -m archiver`."""

from archiver.cli.main import cli

cli(prog_name="archiver")
