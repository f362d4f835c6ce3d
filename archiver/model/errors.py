"""The errors that archiver raises, grouped by the package to which they belong. Each derives from ArchiverError and
names its subject.

`str(error)` is a whole sentence that says what happened and what to do. Expected failures of a crawl (a page that is
gone, a host that refuses) are stored outcomes, not errors.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from archiver.model.words import did_you_mean


class ArchiverError(Exception):
    """Base class of all errors of archiver. `sentence` is the message; `subject` is the URL, file or site that it is
    about.
    """

    def __init__(self, subject: str, sentence: str) -> None:
        self.subject = subject
        super().__init__(sentence)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickles the subject and the message instead of the constructor's arguments, which are not stored."""
        return _restore, (type(self), self.subject, str(self))


def _restore(kind: type[ArchiverError], subject: str, sentence: str) -> ArchiverError:
    error = kind.__new__(kind, sentence)
    ArchiverError.__init__(error, subject, sentence)
    return error


# -- storage: opening and writing an archive --------------------------------------------------------


class ArchiveNotFound(ArchiverError):
    """Raised when the archive to open does not exist. `beside` are the names of other archives in its folder, and
    `elsewhere` is the path of an archive that is meant if the command was started in a wrong folder.
    """

    def __init__(self, path: str, beside: Iterable[str] = (), elsewhere: str = "") -> None:
        question = did_you_mean(Path(path).name, beside)
        if not question and elsewhere:
            question = f"; did you mean '--archive {shlex.quote(elsewhere)}'"
        super().__init__(
            path,
            f"There is no archive at {path}"
            + (
                f"{question}?"
                if question
                else ": run 'archiver crawl URL' first, or choose another file with --archive."
            ),
        )


class FileInTheWay(ArchiverError):
    """Raised when the folder of an archive cannot exist, because there is a file (`file`) of that name."""

    def __init__(self, path: str, file: str) -> None:
        super().__init__(
            path,
            f"There can be no archive at {path}, because {file} is a file, not a folder: choose another path.",
        )


class NotAnArchive(ArchiverError):
    """Raised when the file to open as an archive is a folder, empty, or not an SQLite database of this program."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(path, f"{path} is not an archive of this program ({why}): choose another file.")


class ArchiveTooNew(ArchiverError):
    """Raised when the archive was migrated to a newer schema than this version of archiver knows."""

    def __init__(self, path: str, unknown: str) -> None:
        super().__init__(
            path,
            f"{path} was written by a newer version of archiver (it has the migration {unknown!r}, which this "
            "version does not know): upgrade archiver. Nothing was changed.",
        )


class ArchiveTooOld(ArchiverError):
    """Raised when an archive is opened for reading and lacks a column or view (`missing`) that a pending migration
    would add. `writable` is True if this process could migrate the archive.
    """

    def __init__(self, path: str, missing: str, *, writable: bool) -> None:
        remedy = (
            f"make a backup ('archiver backup FILE --archive {path}'), then run 'archiver index --archive {path}', "
            "which migrates it."
            if writable
            else f"it cannot be written here, so copy it ('archiver backup COPY --archive {path}'), then "
            "run 'archiver index --archive COPY', which migrates the copy."
        )
        super().__init__(
            path,
            f"{path} was written by an earlier version of archiver (it has no {missing}): {remedy} Nothing was "
            "changed.",
        )


class ArchiveUnreleased(ArchiverError):
    """Raised when the archive was written by a version of archiver before 0.3. These versions were never released, and
    their tables cannot be read.
    """

    def __init__(self, path: str) -> None:
        super().__init__(
            path,
            f"{path} was written by an unreleased version of archiver (0.2 or before), whose tables this version "
            "cannot read: crawl its sites into a new archive, or import the captures with 'archiver import "
            f"{Path(path).parent / 'warc'} --archive NEW'. Nothing was changed.",
        )


class ArchiveNotWritable(ArchiverError):
    """Raised when the archive's file or its folder cannot be written."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(
            path,
            f"The archive {path} cannot be written ({why}): make its folder, mount its disk or get write access, or "
            "choose another path with --archive.",
        )


class ArchiveInUse(ArchiverError):
    """Raised when another process (`holder`) has locked the archive or one of its sites."""

    def __init__(self, path: str, holder: str) -> None:
        super().__init__(
            path,
            f"Another crawl is writing to {path} ({holder}): wait until it ends, "
            "or crawl into another archive with --archive.",
        )


class ArchiveLocked(ArchiverError):
    """Raised when another program keeps the database locked for longer than the time limit. `seconds` is how long this
    process waited.
    """

    def __init__(self, path: str, seconds: float = 0.0) -> None:
        waited = f" for {seconds:.0f} seconds" if seconds >= 1 else ""
        super().__init__(
            path,
            f"Another program has locked {path}{waited} (for example an sqlite3 shell with an open transaction): "
            "let it finish, then try again. A crawl continues where it stopped.",
        )


class ArchiveMoved(ArchiverError):
    """Raised when the archive's file disappears or is replaced during a crawl."""

    def __init__(self, path: str) -> None:
        super().__init__(
            path,
            f"{path} was removed, moved or replaced during the crawl: put it back or leave it as it is, "
            "then crawl again. Missing pages are fetched again.",
        )


class ArchiveDamaged(ArchiverError):
    """Raised when SQLite reports that the database file is corrupt."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(
            path,
            f"{path} is damaged ({why}): put a backup in its place with 'archiver restore BACKUP', or recover the "
            f"readable rows with 'sqlite3 {path} .recover'.",
        )


class DiskFull(ArchiverError):
    """Raised when the disk has no space left for a write. `free` is the remaining space in bytes."""

    def __init__(self, folder: str, free: int) -> None:
        super().__init__(
            folder,
            f"The disk that holds {folder} is full ({free / 1e6:.1f} MB free): free some space, then run the "
            "command again. A crawl continues where it stopped; nothing stored is lost.",
        )


class HostInUse(ArchiverError):
    """Raised when another crawl, of the same or another site, is already fetching from the host."""

    def __init__(self, host: str, holder: str) -> None:
        super().__init__(
            host,
            f"Another crawl is fetching from {host} ({holder}), and two would double the load: wait until it ends.",
        )


class SchedulerAlreadyRunning(ArchiverError):
    """Raised when another `archiver schedule` is already running on the archive."""

    def __init__(self, archive: str, holder: str) -> None:
        super().__init__(
            archive,
            f"Another 'archiver schedule' is running on {archive} ({holder}): stop it first.",
        )


# -- storage: what an archive does not have ---------------------------------------------------------


_NAMED_SITES = 8


class SiteNotFound(ArchiverError):
    """Raised when the archive has no site of this name. `known` are the names of its sites."""

    def __init__(self, site: str, known: Sequence[str]) -> None:
        name = site.partition("://")[2] or site
        more = len(known) - _NAMED_SITES
        names = ", ".join(known[:_NAMED_SITES]) + (f" and {more:,} more" if more > 0 else "")
        question = did_you_mean(name.rstrip("/"), known)
        super().__init__(
            site,
            f"The archive has no site {site!r}{question}{'?' if question else '.'}"
            + ("" if question else f" It has {names or 'none yet'}."),
        )


class CannotMoveSite(ArchiverError):
    """Raised when a site cannot be moved to another address; the message says what to do instead."""


class SiteMoved(ArchiverError):
    """Raised when a crawl is started with the former address of a site that has moved to another address."""

    def __init__(self, old: str, new: str) -> None:
        super().__init__(
            old,
            f"The site at {old} has moved to {new}: crawl that, or take the move back with "
            f"'archiver sites move {new} {old}'.",
        )


class TagNotFound(ArchiverError):
    """Raised when no site has this tag. `known` are the tags of all sites."""

    def __init__(self, tag: str, known: Iterable[str]) -> None:
        tags = sorted(known)
        question = did_you_mean(tag, tags)
        super().__init__(
            tag,
            f"No site has the tag {tag!r}{question}{'?' if question else '.'}"
            + ("" if question else f" The tags are {', '.join(tags)}." if tags else " No site has a tag yet.")
            + f" 'archiver sites tag {shlex.quote(tag)} SITE' adds it to a site.",
        )


class SiteRemoved(ArchiverError):
    """Raised when a site is removed from the archive during its crawl."""

    def __init__(self, site: str) -> None:
        super().__init__(
            site,
            f"{site} was removed from the archive during its crawl: the crawl has ended, and what it found after the "
            "removal is not stored. Add the site again to crawl it.",
        )


class ArticleNotFound(ArchiverError):
    """Raised when the archive has no article with this ID or URL. `known` are URLs of articles that may be meant."""

    def __init__(self, what: str, known: Iterable[str] = ()) -> None:
        question = did_you_mean(what, known)
        super().__init__(
            what,
            f"The archive has no article {_shortened(what)!r}"
            + (f"{question}?" if question else f": {_advise_on_article(what)}."),
        )


def _shortened(text: str) -> str:
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}…"


_MAX_SHOWN = 300
"""At most this many characters of what was typed are repeated in a message."""


def _advise_on_article(what: str) -> str:
    """Returns advice on what to write in place of `what`, which is neither the ID nor the URL of an article."""
    if re.fullmatch(r"#[0-9]+|[0-9]+\.", what):
        return f"write an ID as a number only: {what.strip('#.')}"
    if re.fullmatch(r"[0-9]+(?:[-,;:]|\.\.\.?)[0-9]+", what):
        return f"write numbers with spaces between them: {' '.join(re.findall('[0-9]+', what))}"
    advice = "give the ID of an article or a URL it was seen at"
    if re.fullmatch(r"(?!\d+$)\w[\w-]{,40}", what):
        advice += f"; 'archiver search {what}' finds articles by their words"
    return advice


class ArticleRemoved(ArchiverError):
    """Raised when the requested article was removed by a takedown.

    `removal` is a phrase that describes the removal. `allowed` is True if a crawl may store the post again.
    """

    def __init__(self, what: str, removal: str, *, allowed: bool = False) -> None:
        super().__init__(
            what,
            f"Article {what} was {removal}. "
            + (
                "The next crawl of its site may store it again, under another ID."
                if allowed
                else f"It is not stored again unless you run 'archiver remove --allow {what}'."
            ),
        )


class NothingFound(ArchiverError):
    """Raised when a query that selects articles finds none."""

    def __init__(self, query: str) -> None:
        super().__init__(query, f"No article matches {query!r}: try the query with 'archiver search' first.")


class ArticleNotRemoved(ArchiverError):
    """Raised when a removal is to be lifted that the archive does not have."""

    def __init__(self, what: str) -> None:
        super().__init__(
            what, f"No article {what!r} was removed from the archive: 'archiver remove --list' lists the removals."
        )


class RevisionNotFound(ArchiverError):
    """Raised when an article has no revision with this number."""

    def __init__(self, what: str, revision: int, last: int) -> None:
        super().__init__(
            what,
            f"Article {what} has no revision {revision}: it has "
            + ("only revision 1." if last == 1 else f"revisions 1 to {last}."),
        )


class RunNotFound(ArchiverError):
    """Raised when the archive has no run with this ID, or when the run was undone before."""


class PageNotHeld(ArchiverError):
    """Raised when a page to be released is not held."""

    def __init__(self, url: str) -> None:
        super().__init__(url, f"{url} is not a held page of this site: 'archiver why {url}' says what is known of it.")


class ClusterNotFound(ArchiverError):
    """Raised when the requested cluster of near-duplicates does not exist or has no members left, or when the requested
    article is in no cluster.
    """

    def __init__(self, what: str, *, dissolved: bool = False) -> None:
        if dissolved:
            sentence = f"Cluster {what} no longer has members: they were edited, removed, or found not to be copies."
        elif what.isdigit():
            sentence = f"The archive has no cluster {what}: 'archiver search --fold cluster' shows those that exist."
        else:
            sentence = f"{what} is in no cluster: it has no known near-duplicate."
        super().__init__(what, sentence)


class URLNotFound(ArchiverError):
    """Raised when a URL is not in the pages table, which means that no crawl has found it."""

    def __init__(self, url: str) -> None:
        super().__init__(
            url,
            f"No crawl has found {url}: no feed, sitemap, listing or link that was read has it. "
            f"'archiver add {url}' fetches it.",
        )


class CaptureNotFound(ArchiverError):
    """Raised when the archive has no capture with this ID."""

    def __init__(self, what: str) -> None:
        super().__init__(what, f"The archive has no capture {what!r}: the table 'captures' lists those that exist.")


class NotCaptured(ArchiverError):
    """Raised when the archive has no capture of a URL. `sentence` replaces the default message."""

    def __init__(self, url: str, sentence: str = "") -> None:
        super().__init__(
            url, sentence or f"There is no capture of {url}: 'archiver why {url}' shows whether it was ever found."
        )


class CaptureUnreadable(ArchiverError):
    """Raised when the WARC record of a capture is missing or cannot be read."""

    def __init__(self, capture: int, why: str) -> None:
        super().__init__(str(capture), f"Capture {capture} cannot be shown: {why}. 'archiver verify' says what to do.")


# -- maintenance ------------------------------------------------------------------------------------


class BackupRefused(ArchiverError):
    """Raised when a backup cannot be written to the given path."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(path, f"No backup can be written to {path} ({why}).")


class BackupDiskFull(ArchiverError):
    """Raised when the disk of a backup has no space left for it. `free` is the remaining space in bytes. `needed` is
    the size of the database in bytes; 0 if unknown.
    """

    def __init__(self, path: str, free: int, needed: int = 0) -> None:
        more = f", and the database has {needed / 1e6:,.1f} MB" if needed else ""
        super().__init__(
            path,
            f"No backup was made to {path}, because its disk is full ({free / 1e6:,.1f} MB free{more}): free some "
            "space there or name a file on another disk, then run the backup again. An earlier backup stays as it was.",
        )


class BackupDamaged(ArchiverError):
    """Raised when a new backup turns out to be damaged before it replaces the last one. The last backup is kept. `what`
    is a phrase for the damage. `advice` is whole sentences that say which backup was kept, and what to do.
    """

    def __init__(self, path: str, what: str, advice: str) -> None:
        super().__init__(path, f"No backup was made to {path}, because {what}. {advice}")


class RestoreRefused(ArchiverError):
    """Raised when a backup cannot be put in the place of an archive. Nothing is changed."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(path, f"{path} cannot be restored: {why}. Nothing was changed.")


class MergeRefused(ArchiverError):
    """Raised when an archive cannot be merged into another archive."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(path, f"{path} cannot be merged: {why}. Choose another archive. Nothing was changed.")


# -- sites: addresses, settings and rules -----------------------------------------------------------


class BadContact(ArchiverError):
    """Raised when a contact is neither an e-mail address nor the URL of a web page."""

    def __init__(self, contact: str) -> None:
        super().__init__(
            contact,
            f"The contact {contact!r} is invalid: use an e-mail address (me@example.org) or the URL of a web page.",
        )


class BadAddress(ArchiverError):
    """Raised when a string is not a URL that can be crawled."""

    def __init__(self, url: str, why: str) -> None:
        super().__init__(url, f"{url!r} is not a URL that can be crawled: {why}.")


class FileForAddress(ArchiverError):
    """Raised when the name of a file is given where an address is expected."""

    def __init__(self, file: str) -> None:
        shown = shlex.quote(file)
        super().__init__(
            file,
            f"{file} is a file, not an address: 'archiver sites import {shown}' adds the sites that it lists, and "
            f"'archiver add --from {shown}' archives the pages that it lists. A site of this name is https://{file}.",
        )


class LooksLikePost(ArchiverError):
    """Raised when the address that a crawl is to start from looks like that of one post. `home` is the start of its
    site: a new one, or (`known`) one that the archive has.
    """

    def __init__(self, url: str, home: str, *, known: bool = False) -> None:
        shown, site = shlex.quote(url), shlex.quote(home)
        super().__init__(
            url,
            f"{url} looks like one post: 'archiver add {shown}' archives this page, and 'archiver crawl {site}' "
            f"crawls {'the site that the archive has it in' if known else 'the whole site'}. If a site begins at "
            "this very address, repeat the command with --as-site.",
        )


class HostNotFound(ArchiverError):
    """Raised when a host name does not resolve."""

    def __init__(self, host: str) -> None:
        super().__init__(
            host, f"The host {host} cannot be found: check the spelling of the URL and your network connection."
        )


class ContactMissing(ArchiverError):
    """Raised when a crawl would start without a contact for the site's owner."""

    def __init__(self, host: str) -> None:
        super().__init__(
            host,
            f"The owner of {host} must be able to reach you before you crawl it: give an e-mail address or a web page "
            'with --contact, in ARCHIVER_CONTACT, or as contact = "..." in archiver.toml.',
        )


class BadConfig(ArchiverError):
    """Raised when archiver.toml is invalid. `where` is the table or key with the mistake."""

    def __init__(self, path: str, where: str, why: str) -> None:
        super().__init__(path, f"{path} is invalid: {where}: {why}.")


class BadArgument(ArchiverError):
    """Raised for an argument of `scrapy crawl site -a NAME=VALUE` that does not exist or has an invalid value."""

    def __init__(self, name: str, value: object, why: str) -> None:
        super().__init__(name, f"The argument -a {name}={value} is invalid: {why}.")


class BadSetting(ArchiverError):
    """Raised when a site setting has an unknown name or an invalid value."""

    def __init__(self, setting: str, why: str) -> None:
        super().__init__(setting, f"Invalid setting {setting!r}: {why}.")
        self.why = why


class SiteNotEmpty(ArchiverError):
    """Raised when a site cannot be removed because it still has articles."""

    def __init__(self, site: str, articles: int) -> None:
        super().__init__(
            site,
            f"The archive holds {articles:,} {'article' if articles == 1 else 'articles'} of {site}: "
            "add --with-articles to remove them too (the WARC files stay).",
        )


class BadRules(ArchiverError):
    """Raised when extraction rules for a site are invalid."""

    def __init__(self, subject: str, why: str) -> None:
        super().__init__(
            subject,
            f"The rules of {subject} cannot be used: {why}. docs/extend.md shows what is allowed. Nothing was changed.",
        )


class BadPageObject(ArchiverError):
    """Raised when a file with page objects cannot be used. `line` is the line of the mistake, 0 if unknown."""

    def __init__(self, file: str, line: int, why: str) -> None:
        where = f"{file}, line {line}," if line else file
        end = "" if why.endswith((".", "?", "!")) else "."
        super().__init__(file, f"The page objects in {where} cannot be used: {why}{end} docs/extend.md has an example.")


class NothingLearned(ArchiverError):
    """Raised when no template can be learned from the stored posts of a site."""

    def __init__(self, site: str) -> None:
        super().__init__(
            site,
            f"No template can be learned for {site}: at least 8 stored posts with the same layout are needed. Crawl "
            "more of it, or write the rules by hand (docs/extend.md) and load them with --set.",
        )


# -- search -----------------------------------------------------------------------------------------


class BadQuery(ArchiverError):
    """Raised when a search query cannot be parsed or run.

    `at` is the zero-based position of the mistake in the query. If the query is long, the message quotes only the
    text around it. If the mistake is in an option of the search, `query` is its value and `what` names it.
    """

    _SHOWN = 80

    def __init__(self, query: str, why: str, at: int | None = None, *, what: str = "query") -> None:
        self.why, self.at = why, at
        start = 0 if len(query) <= self._SHOWN else max(0, min(at or 0, len(query)) - self._SHOWN // 2)
        shown = ("…" if start else "") + query[start : start + self._SHOWN]
        shown += "…" if start + self._SHOWN < len(query) else ""
        where = "" if at is None else f"at character {at + 1}, "
        super().__init__(query, f"The {what} {shown!r} is invalid: {where}{why}.")


class SavedSearchNotFound(ArchiverError):
    """Raised when the archive has no saved search of this name. `known` are the names of those that it has."""

    def __init__(self, name: str, known: Iterable[str] = ()) -> None:
        question = did_you_mean(name, known)
        super().__init__(
            name,
            f"There is no saved search {name!r}{question}{'?' if question else ''}"
            f"{' ' if question else ': '}'archiver search --saved' lists those that exist.",
        )


class BadSearchName(ArchiverError):
    """Raised when a name is not allowed for a saved search."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(name, f"A search cannot be saved as {name!r}: {why}.")


class SavedSearchUnreadable(ArchiverError):
    """Raised when the query of a saved search can no longer be parsed."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(
            name, f"The saved search {name!r} cannot be run: {why}. 'archiver search --forget NAME' removes it."
        )


class IndexMissing(ArchiverError):
    """Raised when the search index is missing, outdated or damaged, and cannot be rebuilt because its folder is not
    writable.
    """

    def __init__(self, archive: str, damaged: str = "") -> None:
        what = (
            f"the search index of {archive} is damaged ({damaged})"
            if damaged
            else f"{archive} has no up-to-date search index"
        )
        super().__init__(
            archive,
            f"{what[0].upper()}{what[1:]}, and none can be written next to it: run 'archiver index "
            f"--archive {archive}' with write access to its folder, or copy the archive to another folder.",
        )


class IndexDamaged(ArchiverError):
    """Raised when a search finds that a file of the search index is damaged."""

    def __init__(self, folder: str, file: str) -> None:
        super().__init__(
            folder,
            f"The search index in {folder} is damaged ({file}): search again to rebuild it from the archive.",
        )


# -- datasets ---------------------------------------------------------------------------------------


class SnapshotRefused(ArchiverError):
    """Raised when a dataset cannot be built. Nothing is written or changed."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(path, f"The dataset cannot be written to {path}: {why}.")


class NothingToPublish(ArchiverError):
    """Raised when a dataset would have no articles.

    `query` is the text of the query with its options ("" for the whole archive), and `cutoff` is the cut-off time (""
    for none). `has_build` is True if the dataset's folder contains an earlier build.
    """

    def __init__(self, path: str, query: str, cutoff: str, *, has_build: bool = False) -> None:
        then = f" as it was at {cutoff} UTC" if cutoff else ""
        why = (
            f"nothing in the archive{then} matches {query}; 'archiver search' with the same query and options shows "
            "what does"
            if query
            else f"the archive{then} has no articles"
        )
        left = " The articles in the folder are no longer in the archive: delete the folder." if has_build else ""
        super().__init__(path, f"The dataset cannot be written to {path}: {why}.{left}")


class NotASnapshot(ArchiverError):
    """Raised when a folder does not contain a dataset of this program."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(path, f"{path} is not a dataset of this program ({why}): give the folder of one.")


class BadPublishRules(ArchiverError):
    """Raised when a file of publication rules is invalid."""

    def __init__(self, file: str, why: str) -> None:
        super().__init__(file, f"The rules in {file} cannot be used: {why}. docs/datasets.md shows what is allowed.")


class BadSplits(ArchiverError):
    """Raised when the splits requested for a dataset are invalid."""

    def __init__(self, text: str, why: str) -> None:
        super().__init__(text, f"The dataset cannot be split into {text!r}: {why}.")


# -- web --------------------------------------------------------------------------------------------


class CannotListen(ArchiverError):
    """Raised when the web server cannot listen at an address, for example because another program uses it."""

    def __init__(self, where: str, why: str, advice: str) -> None:
        super().__init__(where, f"The server cannot listen at {where} ({why}): {advice}.")


class BadPublicURL(ArchiverError):
    """Raised when the public URL given to the web server is invalid."""

    def __init__(self, url: str, why: str) -> None:
        super().__init__(url, f"Readers cannot reach the archive at {url!r}: {why}.")


# -- command line and imports: input, output and optional packages ----------------------------------


class UnreadableInput(ArchiverError):
    """Raised when an input file cannot be read or parsed."""

    def __init__(self, name: str, why: str) -> None:
        self.why = why
        super().__init__(name, f"{name} cannot be read: {why}.")


class PageNotFetched(ArchiverError):
    """Raised when the only page that a command was to fetch was not fetched. `why` is a phrase."""

    def __init__(self, url: str, why: str) -> None:
        super().__init__(url, f"{url} was not fetched: {why.rstrip('.')}.")


class OutputNotWritable(ArchiverError):
    """Raised when an output file cannot be written."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(path, f"{path} cannot be written ({why}): choose another file.")


class ExtraMissing(ArchiverError):
    """Raised when a feature needs an optional package that is not installed."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(what, f"{what} needs an optional package: install it with pip install 'archiver[{extra}]'.")


class LibraryMissing(ArchiverError):
    """Raised when a dataset should be converted for a library that is not installed."""

    def __init__(self, library: str) -> None:
        super().__init__(library, f"{library} is not installed: install it with pip install {library}.")


class NoSuchSplit(ArchiverError, KeyError):
    """Raised when a table of a dataset has no split of this name. `splits` are the names that it has."""

    def __init__(self, table: str, name: str, splits: Sequence[str]) -> None:
        has = f"has no split {name!r}; it has {', '.join(splits)}" if splits else "is not divided into splits"
        super().__init__(table, f"The table {table} {has}.")

    __str__ = Exception.__str__  # a KeyError would show its message in quotes


# -- fleet ------------------------------------------------------------------------------------------


class QueueUnavailable(ArchiverError):
    """Raised when the fleet's job queue cannot be reached. `why` is PostgreSQL's message without the password."""

    def __init__(self, where: str, why: str) -> None:
        super().__init__(
            where,
            f"The queue at {where} cannot be used ({why}): check that PostgreSQL is running and that the "
            "URL, user and password in --jobs or ARCHIVER_JOBS are right. Nothing was lost.",
        )


class BadQueueAddress(ArchiverError):
    """Raised when the URL of the fleet's job queue is invalid."""

    def __init__(self, why: str) -> None:
        super().__init__(
            "--jobs",
            f"The URL of the queue is invalid ({why}): write postgresql://USER@HOST:PORT/DATABASE, and put the "
            "password into ARCHIVER_JOBS or PGPASSWORD.",
        )


class QueuePermissionDenied(ArchiverError):
    """Raised when the database user of the fleet's job queue lacks a permission."""

    def __init__(self, where: str, why: str) -> None:
        super().__init__(
            where,
            f"The user in --jobs or ARCHIVER_JOBS lacks a permission at {where} ({why}): make it the owner of a "
            "database (create database NAME owner USER), or grant it create and usage on the schema. "
            "Nothing was changed.",
        )


class FleetNotFound(ArchiverError):
    """Raised when the database for the job queue has no tables of a fleet yet."""

    def __init__(self, where: str) -> None:
        super().__init__(where, f"There is no fleet at {where} yet: run 'archiver fleet init' to create one.")


class ForeignTables(ArchiverError):
    """Raised when the database for the job queue has tables of another program, or only some of a fleet's tables."""

    def __init__(self, where: str, why: str) -> None:
        super().__init__(
            where,
            f"The tables at {where} are not those of a fleet ({why}): use a separate database "
            "in --jobs or ARCHIVER_JOBS, or restore this one from a backup. Nothing was changed.",
        )


class QueueVersionMismatch(ArchiverError):
    """Raised when the fleet's job queue was created by another version of archiver."""

    def __init__(self, where: str, theirs: str, ours: str) -> None:
        super().__init__(
            where,
            f"The queue at {where} belongs to archiver {theirs}, and this is {ours}: all workers of a queue need the "
            "same version. Install that version here, or drain the workers ('archiver fleet drain --wait 600') and run "
            "'archiver fleet init' with the new version. Nothing was changed.",
        )


class WorkersActive(ArchiverError):
    """Raised when a command that needs an idle fleet is run while workers are active."""

    def __init__(self, where: str, names: str) -> None:
        super().__init__(
            where,
            f"Workers are active on the queue at {where} ({names}): end them first with 'archiver fleet drain "
            "--wait 600'. Nothing was changed.",
        )


class StorageRefused(ArchiverError):
    """Raised when the storage for a fleet's shards does not exist or refuses access."""

    def __init__(self, url: str, why: str) -> None:
        super().__init__(
            url,
            f"The storage {url} cannot be used ({why}): check that it exists and that this machine "
            "may read and write it.",
        )


class ForeignFleet(ArchiverError):
    """Raised when the storage given for a fleet's shards contains the shards of another fleet."""

    def __init__(self, url: str) -> None:
        super().__init__(
            url,
            f"The storage {url} holds the shards of another fleet: choose another one with "
            "--storage. Nothing was changed.",
        )


class ClockSkew(ArchiverError):
    """Raised when this machine's clock differs too much from the clock of the PostgreSQL server. `seconds` is the
    difference, positive if this machine is ahead.
    """

    def __init__(self, seconds: float) -> None:
        what = "ahead of" if seconds > 0 else "behind"
        super().__init__(
            "clock",
            f"This machine's clock is {abs(seconds):,.0f} seconds {what} PostgreSQL's: set it "
            "(for example with NTP), or times in the archive would be wrong. No site was taken.",
        )


class Fenced(ArchiverError):
    """Raised when a fleet worker may no longer write to a site, because the worker's lease on the site has expired or
    another worker has taken over the site.
    """

    def __init__(self, site: str, token: int) -> None:
        super().__init__(
            site, f"{site} now belongs to another worker (this one had token {token}): nothing was stored."
        )


class ShardDamaged(ArchiverError):
    """Raised when the archive of a site (its shard) in the fleet's storage is corrupt."""

    def __init__(self, key: str, why: str) -> None:
        super().__init__(key, f"{key} in the storage is damaged ({why}): restore it from a copy of the storage.")
