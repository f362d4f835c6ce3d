"""Why a dataset is not built or not read, as errors like those of `archiver.errors`."""

from __future__ import annotations

from archiver.errors import ArchiverError


class SnapshotRefused(ArchiverError):
    """A dataset that is not built: nothing of it is written, and nothing that was there is changed."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(path, f"No dataset is written to {path}: {why}.")


class NothingToPublish(ArchiverError):
    def __init__(self, path: str, asked: str, cutoff: str, *, holds: bool = False) -> None:
        """`asked` are the query and its options, "" for the whole archive; `cutoff` is "" where none was named.
        `holds`: an earlier build is there."""
        then = f" as it was at {cutoff} UTC" if cutoff else ""
        why = (f"nothing in the archive{then} matches {asked}; 'archiver search' with the same words and options shows "
               "what does" if asked else f"the archive{then} has no articles")
        left = " What the folder has is no longer in the archive: take the folder away." if holds else ""
        super().__init__(path, f"No dataset is written to {path}: {why}.{left}")


class NotASnapshot(ArchiverError):
    def __init__(self, path: str, why: str) -> None:
        super().__init__(path, f"{path} is not a dataset of this program ({why}); name the folder of one.")


class BadPublishRules(ArchiverError):
    def __init__(self, file: str, why: str) -> None:
        super().__init__(file, f"The rules in {file} cannot be used: {why}. docs/publish.md shows what they may hold.")


class BadSplits(ArchiverError):
    def __init__(self, text: str, why: str) -> None:
        super().__init__(text, f"The dataset cannot be split into {text!r}: {why}.")
