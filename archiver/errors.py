"""Every error of the archiver: one base, and each names the subject it speaks of.

`str(error)` is a whole sentence that tells a person what happened and what to do. Expected
failures of a crawl (a page that is gone, a host that refuses) are stored outcomes, not errors.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any


class ArchiverError(Exception):
    """The base. `subject` is the URL, file or site that the sentence speaks of."""

    def __init__(self, subject: str, sentence: str) -> None:
        self.subject = subject
        super().__init__(sentence)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled with its sentence: what an error was made of is no longer known."""
        return _again, (type(self), self.subject, str(self))


def _again(kind: type[ArchiverError], subject: str, sentence: str) -> ArchiverError:
    error = kind.__new__(kind, sentence)
    ArchiverError.__init__(error, subject, sentence)
    return error


class ArchiveNotFound(ArchiverError):
    def __init__(self, path: str) -> None:
        super().__init__(
            path,
            f"There is no archive at {path}: run 'archiver crawl URL' first, or name another file with --archive.",
        )


class NotAnArchive(ArchiverError):
    def __init__(self, path: str, why: str) -> None:
        super().__init__(path, f"{path} is not an archive of this program ({why}); name another file.")


class ArchiveTooNew(ArchiverError):
    def __init__(self, path: str, unknown: str) -> None:
        super().__init__(
            path,
            f"{path} was written by a newer archiver (it has the migration {unknown!r}, which this "
            "version does not know): upgrade archiver; nothing was changed.",
        )


class ArchiveUnreleased(ArchiverError):
    def __init__(self, path: str) -> None:
        super().__init__(
            path,
            f"{path} was made by an unreleased version of archiver (0.2 or before), whose tables this version does not "
            f"read: crawl its sites into a new archive, or import the captures: archiver import "
            f"{Path(path).parent / 'warc'} --archive NEW; nothing was changed.",
        )


class ArchiveNotWritable(ArchiverError):
    def __init__(self, path: str, why: str) -> None:
        super().__init__(
            path,
            f"The archive {path} cannot be written ({why}): "
            "give yourself write access to its folder, or name another place with --archive.",
        )


class ArchiveInUse(ArchiverError):
    def __init__(self, path: str, holder: str) -> None:
        super().__init__(
            path,
            f"Another crawl is writing {path} ({holder}): wait until it ends, "
            "or crawl into another archive with --archive.",
        )


class ArchiveLocked(ArchiverError):
    def __init__(self, path: str, seconds: float = 0.0) -> None:
        waited = f" for {seconds:.0f} seconds" if seconds >= 1 else ""
        super().__init__(
            path,
            f"Another program has locked {path}{waited} (an sqlite3 shell with an open transaction, for one): "
            "let it finish, then try again; a crawl goes on where it stopped.",
        )


class ArchiveMoved(ArchiverError):
    def __init__(self, path: str) -> None:
        super().__init__(
            path,
            f"{path} was removed, moved or replaced while the crawl was writing it: put it back, or leave it as it is, "
            "then crawl again; what is missing is fetched again.",
        )


class ArchiveDamaged(ArchiverError):
    def __init__(self, path: str, why: str) -> None:
        super().__init__(
            path,
            f"{path} is damaged ({why}): put a backup in its place, or save what is readable with "
            f"'sqlite3 {path} .recover'.",
        )


class DiskFull(ArchiverError):
    def __init__(self, folder: str, free: int) -> None:
        super().__init__(
            folder,
            f"The disk is full where {folder} lies ({free / 1e6:.1f} MB are free): make room, then crawl again; "
            "it goes on where it stopped, and nothing that was stored is lost.",
        )


class BackupRefused(ArchiverError):
    def __init__(self, path: str, why: str) -> None:
        super().__init__(path, f"No backup can be written to {path} ({why}).")


class ArchiveBusy(ArchiverError):
    def __init__(self, path: str, holder: str) -> None:
        super().__init__(
            path, f"{path} is being written by {holder}: vacuum it when that has ended; nothing was changed."
        )


class NoRoom(ArchiverError):
    def __init__(self, folder: str, free: int, needed: int) -> None:
        super().__init__(
            folder,
            f"Where {folder} lies {free / 1e6:,.1f} MB are free, and it takes {needed / 1e6:,.1f} MB for a while to "
            "write the database anew: make room first; nothing was changed.",
        )


class MergeRefused(ArchiverError):
    def __init__(self, path: str, why: str) -> None:
        super().__init__(path, f"{path} cannot be merged: {why}; name another archive. Nothing was changed.")


class BadAddress(ArchiverError):
    def __init__(self, url: str, why: str) -> None:
        super().__init__(url, f"{url!r} is not an address that can be crawled: {why}.")


class HostNotFound(ArchiverError):
    def __init__(self, host: str) -> None:
        super().__init__(host, f"There is no host named {host}: check the spelling of the address and the network.")


class ContactMissing(ArchiverError):
    def __init__(self, host: str) -> None:
        super().__init__(
            host,
            f"Before {host} is crawled its owner must be able to reach you: give a mail address or a page with "
            '--contact, in ARCHIVER_CONTACT, or as contact = "..." in archiver.toml.',
        )


class BadRules(ArchiverError):
    def __init__(self, subject: str, why: str) -> None:
        super().__init__(
            subject,
            f"The rules of {subject} cannot be used: {why}. "
            "docs/extend.md shows what they may hold; nothing was changed.",
        )


class NothingLearned(ArchiverError):
    def __init__(self, site: str) -> None:
        super().__init__(
            site,
            f"No template can be learned of {site}: it takes at least 8 stored posts that look alike; "
            f"crawl more of it, or write the rules by hand (docs/extend.md) and give them with --set.",
        )


class SiteNotFound(ArchiverError):
    def __init__(self, site: str, known: str) -> None:
        super().__init__(site, f"The archive has no site {site!r}; it has: {known or 'none yet'}.")


class SiteTakenOut(ArchiverError):
    def __init__(self, site: str) -> None:
        super().__init__(
            site,
            f"{site} was taken out of the archive while it was crawled: its crawl has ended, "
            "and what it found after that is not stored.",
        )


class ArticleNotFound(ArchiverError):
    def __init__(self, what: str) -> None:
        super().__init__(
            what, f"The archive has no article {what!r}: give an article's number or an address it was seen at."
        )


class ArticleRemoved(ArchiverError):
    """`told` as in `store.tombstones.Removal`; `allowed`: a crawl may store the post again."""

    def __init__(self, what: str, told: str, *, allowed: bool = False) -> None:
        super().__init__(
            what,
            f"Article {what} was {told}. "
            + (
                "It may come back with the next crawl of its site, under another number."
                if allowed
                else f"It is not stored again; 'archiver remove --allow {what}' takes that back."
            ),
        )


class RevisionNotFound(ArchiverError):
    def __init__(self, what: str, revision: int, last: int) -> None:
        super().__init__(what, f"Article {what} has no revision {revision}: it has the revisions 1 to {last}.")


class ClusterNotFound(ArchiverError):
    def __init__(self, what: str, *, dissolved: bool = False) -> None:
        if dissolved:
            sentence = f"Cluster {what} has no members any more: they were edited, removed, or proved to be no copies."
        elif what.isdigit():
            sentence = f"The archive has no cluster {what}: 'archiver clusters' lists those that there are."
        else:
            sentence = f"No near copy of {what} is known: it is in no cluster."
        super().__init__(what, sentence)


class PageUnknown(ArchiverError):
    def __init__(self, url: str) -> None:
        super().__init__(
            url,
            f"No crawl has ever found {url}: it is in no feed, sitemap, listing or link that was read. "
            "'archiver crawl URL' with this very address fetches it.",
        )


class BadQuery(ArchiverError):
    """`at` is where in the query the mistake is, from 0; a long query is shown around it."""

    _SHOWN = 80

    def __init__(self, query: str, why: str, at: int | None = None) -> None:
        self.why, self.at = why, at
        start = 0 if len(query) <= self._SHOWN else max(0, min(at or 0, len(query)) - self._SHOWN // 2)
        shown = ("…" if start else "") + query[start : start + self._SHOWN]
        shown += "…" if start + self._SHOWN < len(query) else ""
        where = "" if at is None else f"at character {at + 1}, "
        super().__init__(query, f"The search {shown!r} cannot be run: {where}{why}.")


class SearchNotFound(ArchiverError):
    def __init__(self, name: str) -> None:
        super().__init__(name, f"There is no saved search {name!r}: 'archiver searches' lists those that there are.")


class BadName(ArchiverError):
    def __init__(self, name: str, why: str) -> None:
        super().__init__(name, f"A search cannot be saved as {name!r}: {why}.")


class SavedSearchUnreadable(ArchiverError):
    def __init__(self, name: str, why: str) -> None:
        super().__init__(
            name, f"The saved search {name!r} cannot be run: {why}. 'archiver searches remove' takes it away."
        )


class IndexMissing(ArchiverError):
    def __init__(self, archive: str, damaged: str = "") -> None:
        what = (
            f"the search index of {archive} is damaged ({damaged})"
            if damaged
            else f"{archive} has no search index that is up to date"
        )
        super().__init__(
            archive,
            f"{what[0].upper()}{what[1:]}, and none can be written beside it: run 'archiver index "
            f"--archive {archive}' where it can be written, or copy it.",
        )


class IndexDamaged(ArchiverError):
    def __init__(self, folder: str, file: str) -> None:
        super().__init__(
            folder,
            f"The search index in {folder} is damaged ({file}): search again, it is then made anew from the archive.",
        )


class UnreadableInput(ArchiverError):
    def __init__(self, name: str, why: str) -> None:
        self.why = why
        super().__init__(name, f"{name} cannot be read: {why}.")


class BadSetting(ArchiverError):
    def __init__(self, setting: str, why: str) -> None:
        super().__init__(setting, f"The setting {setting!r} cannot be made: {why}.")
        self.why = why


class SiteNotEmpty(ArchiverError):
    def __init__(self, site: str, articles: int) -> None:
        super().__init__(
            site,
            f"The archive holds {articles:,} {'article' if articles == 1 else 'articles'} of {site}: "
            "add --with-articles to take them out too (the WARC files stay), or leave the site where it is.",
        )


class ExtraMissing(ArchiverError):
    def __init__(self, what: str, extra: str) -> None:
        super().__init__(what, f"{what} needs a further package: install it with pip install 'archiver[{extra}]'.")


class OutputNotWritable(ArchiverError):
    def __init__(self, path: str, why: str) -> None:
        super().__init__(path, f"{path} cannot be written ({why}): name another file.")


class AddressInUse(ArchiverError):
    def __init__(self, where: str, why: str, advice: str) -> None:
        super().__init__(where, f"No server can listen at {where} ({why}): {advice}.")


class BadPublicURL(ArchiverError):
    def __init__(self, url: str, why: str) -> None:
        super().__init__(url, f"Readers cannot reach the archive at {url!r}: {why}.")


# Why a dataset is not built or not read, as errors like those of `archiver.errors`.


class SnapshotRefused(ArchiverError):
    """A dataset that is not built: nothing of it is written, and nothing that was there is changed."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(path, f"No dataset is written to {path}: {why}.")


class NothingToPublish(ArchiverError):
    def __init__(self, path: str, asked: str, cutoff: str, *, holds: bool = False) -> None:
        """`asked` are the query and its options, "" for the whole archive; `cutoff` is "" where none was named.
        `holds`: an earlier build is there."""
        then = f" as it was at {cutoff} UTC" if cutoff else ""
        why = (
            f"nothing in the archive{then} matches {asked}; 'archiver search' with the same words and options shows "
            "what does"
            if asked
            else f"the archive{then} has no articles"
        )
        left = " What the folder has is no longer in the archive: take the folder away." if holds else ""
        super().__init__(path, f"No dataset is written to {path}: {why}.{left}")


class NotASnapshot(ArchiverError):
    def __init__(self, path: str, why: str) -> None:
        super().__init__(path, f"{path} is not a dataset of this program ({why}); name the folder of one.")


class BadPublishRules(ArchiverError):
    def __init__(self, file: str, why: str) -> None:
        super().__init__(file, f"The rules in {file} cannot be used: {why}. docs/datasets.md shows what they may hold.")


class BadSplits(ArchiverError):
    def __init__(self, text: str, why: str) -> None:
        super().__init__(text, f"The dataset cannot be split into {text!r}: {why}.")


# What is wrong with archiver.toml.


class BadConfig(ArchiverError):
    def __init__(self, path: str, where: str, why: str) -> None:
        super().__init__(path, f"{path} cannot be used: {where}: {why}.")


# What can keep a fleet from working, in a sentence each.


class QueueAway(ArchiverError):
    """`why` is what PostgreSQL or the network says, without the password."""

    def __init__(self, where: str, why: str) -> None:
        super().__init__(
            where,
            f"The queue at {where} cannot be used ({why}): see that PostgreSQL runs and that the "
            "address, user and password in --jobs or ARCHIVER_JOBS are right; nothing was lost.",
        )


class BadQueueAddress(ArchiverError):
    def __init__(self, why: str) -> None:
        super().__init__(
            "--jobs",
            f"The address of the queue cannot be read ({why}): write "
            "postgresql://USER@HOST:PORT/DATABASE, and the password into ARCHIVER_JOBS or "
            "PGPASSWORD.",
        )


class NotAllowed(ArchiverError):
    def __init__(self, where: str, why: str) -> None:
        super().__init__(
            where,
            f"The user in --jobs or ARCHIVER_JOBS may not do this at {where} ({why}): let it own a "
            "database (create database NAME owner USER), or grant it create and usage on the "
            "schema; nothing was changed.",
        )


class NoFleet(ArchiverError):
    def __init__(self, where: str) -> None:
        super().__init__(where, f"There is no fleet at {where} yet: 'archiver fleet init' makes one.")


class OtherTables(ArchiverError):
    """Tables of another program that have the same names, or a part of a fleet's."""

    def __init__(self, where: str, why: str) -> None:
        super().__init__(
            where,
            f"The tables at {where} are not those of a fleet ({why}): name a database of its own "
            "in --jobs or ARCHIVER_JOBS, or restore this one from a backup. Nothing was changed.",
        )


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
        super().__init__(
            where,
            f"Workers are at the queue at {where} ({names}): 'archiver fleet drain --wait 600' "
            "ends them first. Nothing was changed.",
        )


class StorageRefused(ArchiverError):
    def __init__(self, url: str, why: str) -> None:
        super().__init__(
            url,
            f"The storage {url} cannot be used ({why}): see that it exists, and that this machine "
            "may read and write there.",
        )


class OtherFleet(ArchiverError):
    def __init__(self, url: str) -> None:
        super().__init__(
            url,
            f"The storage {url} holds the shards of another fleet: name another place with "
            "--storage. Nothing was changed.",
        )


class WrongClock(ArchiverError):
    def __init__(self, seconds: float) -> None:
        what = "ahead of" if seconds > 0 else "behind"
        super().__init__(
            "clock",
            f"This machine's clock is {abs(seconds):,.0f} seconds {what} PostgreSQL's: set it "
            "(NTP does that), or times in the archive would be wrong; no site was taken.",
        )


class Fenced(ArchiverError):
    """What this worker wrote is not taken: another one has the site since, or its lease ran out."""

    def __init__(self, site: str, token: int) -> None:
        super().__init__(site, f"{site} is another worker's by now (this one had token {token}): nothing was stored.")


class ShardDamaged(ArchiverError):
    def __init__(self, key: str, why: str) -> None:
        super().__init__(key, f"{key} in the storage is damaged ({why}): restore it from a copy of the storage.")


# Why a capture that somebody asks for cannot be shown.


class CaptureNotFound(ArchiverError):
    def __init__(self, what: str) -> None:
        super().__init__(what, f"The archive has no capture {what!r}: the table 'captures' has those that there are.")


class NotCaptured(ArchiverError):
    def __init__(self, url: str, sentence: str = "") -> None:
        super().__init__(
            url, sentence or f"There is no capture of {url}: 'archiver why {url}' tells whether it was ever found."
        )


class CaptureUnreadable(ArchiverError):
    def __init__(self, capture: int, why: str) -> None:
        super().__init__(str(capture), f"Capture {capture} cannot be shown: {why}. 'archiver verify' tells what to do.")
