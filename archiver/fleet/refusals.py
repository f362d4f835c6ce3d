"""What can keep a fleet from working, in a sentence each."""

from __future__ import annotations

from archiver.errors import ArchiverError


class QueueAway(ArchiverError):
    """`why` is what PostgreSQL or the network says, without the password."""

    def __init__(self, where: str, why: str) -> None:
        super().__init__(where, f"The queue at {where} cannot be used ({why}): see that PostgreSQL runs and that the "
                                "address, user and password in --jobs or ARCHIVER_JOBS are right; nothing was lost.")


class BadQueueAddress(ArchiverError):
    def __init__(self, why: str) -> None:
        super().__init__("--jobs", f"The address of the queue cannot be read ({why}): write "
                                   "postgresql://USER@HOST:PORT/DATABASE, and the password into ARCHIVER_JOBS or "
                                   "PGPASSWORD.")


class NotAllowed(ArchiverError):
    def __init__(self, where: str, why: str) -> None:
        super().__init__(where, f"The user in --jobs or ARCHIVER_JOBS may not do this at {where} ({why}): let it own a "
                                "database (create database NAME owner USER), or grant it create and usage on the "
                                "schema; nothing was changed.")


class NoFleet(ArchiverError):
    def __init__(self, where: str) -> None:
        super().__init__(where, f"There is no fleet at {where} yet: 'archiver fleet init' makes one.")


class OtherTables(ArchiverError):
    """Tables of another program that have the same names, or a part of a fleet's."""

    def __init__(self, where: str, why: str) -> None:
        super().__init__(where, f"The tables at {where} are not those of a fleet ({why}): name a database of its own "
                                "in --jobs or ARCHIVER_JOBS, or restore this one from a backup. Nothing was changed.")


class OtherVersion(ArchiverError):
    def __init__(self, where: str, theirs: str, ours: str) -> None:
        super().__init__(
            where,
            f"The queue at {where} is of archiver {theirs}, and this is {ours}: two versions do not work on one queue. "
            "Install the same one here, or drain the workers ('archiver fleet drain --wait 600') and run 'archiver "
            "fleet init' with the new one. Nothing was changed.",
        )


class WorkersRun(ArchiverError):
    def __init__(self, where: str, names: str) -> None:
        super().__init__(where, f"Workers are at the queue at {where} ({names}): 'archiver fleet drain --wait 600' "
                                "ends them first. Nothing was changed.")


class StorageRefused(ArchiverError):
    def __init__(self, url: str, why: str) -> None:
        super().__init__(url, f"The storage {url} cannot be used ({why}): see that it exists, and that this machine "
                              "may read and write there.")


class OtherFleet(ArchiverError):
    def __init__(self, url: str) -> None:
        super().__init__(url, f"The storage {url} holds the shards of another fleet: name another place with "
                              "--storage. Nothing was changed.")


class WrongClock(ArchiverError):
    def __init__(self, seconds: float) -> None:
        what = "ahead of" if seconds > 0 else "behind"
        super().__init__("clock", f"This machine's clock is {abs(seconds):,.0f} seconds {what} PostgreSQL's: set it "
                                  "(NTP does that), or times in the archive would be wrong; no site was taken.")


class Fenced(ArchiverError):
    """What this worker wrote is not taken: another one has the site since, or its lease ran out."""

    def __init__(self, site: str, token: int) -> None:
        super().__init__(site, f"{site} is another worker's by now (this one had token {token}): nothing was stored.")


class ShardDamaged(ArchiverError):
    def __init__(self, key: str, why: str) -> None:
        super().__init__(key, f"{key} in the storage is damaged ({why}): restore it from a copy of the storage.")
