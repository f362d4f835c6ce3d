"""Runs the command line of archiver: the script `archiver`, and `python -m archiver`."""

import atexit
import gc
import signal


def main() -> None:
    """Runs the command line. Until it is imported, Ctrl-C ends the process without a traceback of the imports."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    # At its end, Python would search all objects for cyclic garbage, though the process frees their memory anyway.
    atexit.register(gc.freeze)
    from archiver.cli.main import cli

    cli(prog_name="archiver")


if __name__ == "__main__":
    main()
