"""Pushes a dataset to Zenodo (https://developers.zenodo.org), a repository for research data that gives it a DOI.

A push leaves either a complete version or none. It creates a draft (a deposition), sends the files, compares their
digests with those that Zenodo returns, and publishes the draft only if that was asked for. If anything fails before,
the draft is deleted. Zenodo has no folders, so it gets the dataset as one ZIP file, and its README.md.

The token comes from the environment and never appears in messages.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import IO, Any
from urllib.error import HTTPError
from urllib.parse import quote, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from archiver.datasets.dataset_metadata_files import DEFAULT_PUBLISHER, UNKNOWN_LICENCE
from archiver.datasets.publication_rules import parse_publication_rules
from archiver.datasets.snapshot_builder import check_snapshot, read_rebuild, read_snapshot_file, snapshot_files
from archiver.datasets.snapshot_tables import ARTICLES, read_table, table_files
from archiver.model.errors import PushFailed, PushRefused

Report = Callable[[str], None]
"""A function that is called with the name of each file before it is sent."""


TITLE, TOKEN = "Zenodo", "ZENODO_TOKEN"
"""The service, and the environment variable with its access token."""
MOST_BYTES = 50 * 10**9
_FORMER_TARGETS = {
    "hf": "with Hugging Face's own program: hf upload OWNER/NAME DIR . --repo-type dataset --private --create-pr "
    "--delete '*'",
    "osf": "with the page of a project on https://osf.io, which takes whole folders",
}
"""How datasets get to the services to which earlier versions pushed them."""


def service_address() -> str:
    """Returns the address of Zenodo's API: ZENODO_URL in the environment (https://sandbox.zenodo.org is for tests)."""
    return (os.environ.get("ZENODO_URL") or "https://zenodo.org").rstrip("/")


@dataclass(frozen=True, slots=True)
class Push:
    """A checked dataset, and what is sent of it.

    - `sizes`: the files of the dataset by path, with their sizes.
    - `metadata`: the description of the dataset that Zenodo gets.
    - `archive`: the name of the ZIP file that contains the files.
    """

    folder: Path
    sizes: dict[str, int]
    metadata: dict[str, Any]
    archive: str

    @property
    def sent(self) -> dict[str, int]:
        """The files that Zenodo receives, with their sizes. The size of a ZIP file is that of its contents."""
        return {self.archive: sum(self.sizes.values()), "README.md": self.sizes["README.md"]}


def plan_push(folder: Path, target: str) -> Push:
    """Checks a dataset and returns what would be sent. Nothing is sent.

    `target` is zenodo. Raises PushRefused if it is not, the dataset is not complete and unchanged, a description that
    Zenodo needs is missing, or it is too large; and NotASnapshot.
    """
    if target != "zenodo":
        if former := _FORMER_TARGETS.get(target.partition(":")[0]):
            raise PushRefused(str(folder), f"--push sends to Zenodo only; send it {former}")
        raise PushRefused(target, f"{target!r} is no place to push to; use zenodo")
    if problems := check_snapshot(folder):
        raise PushRefused(str(folder), f"--check finds problems: {' '.join(problems[:3])}")
    described = json.loads(read_snapshot_file(folder, "datacite.json"))
    slug = json.loads(read_snapshot_file(folder, "datapackage.json"))["name"]
    if missing := list(_missing_metadata(described, folder)):
        raise PushRefused(
            str(folder), f"it has no {' and no '.join(missing)}; give them in [dataset] of --rules and publish again"
        )
    paths = sorted([*snapshot_files(folder), "SHA256SUMS"])
    push = Push(
        folder,
        {path: (folder / path).stat().st_size for path in paths},
        _zenodo_metadata(described),
        f"{slug}-{described['version']}.zip",
    )
    if (size := sum(push.sent.values())) > MOST_BYTES:
        raise PushRefused(
            str(folder),
            f"it has {size / 10**9:,.1f} GB, and Zenodo takes {MOST_BYTES / 10**9:,.0f} GB; publish fewer articles",
        )
    return push


def send_push(push: Push, report: Report, *, publish: bool = False) -> str:
    """Sends a dataset as a draft, or publishes it if `publish` is True. Calls `report` with the name of each file
    before it is sent. Returns the address of the page that shows the dataset.

    Raises PushRefused if the token is missing, and PushFailed if Zenodo refuses the dataset or the connection breaks.
    Then nothing of the dataset remains there, unless the message says so.
    """
    token = os.environ.get(TOKEN, "")
    if not token:
        raise PushRefused(TITLE, f"the environment variable {TOKEN} has no access token; set it")
    try:
        return _push_to_zenodo(push, _Client(token), report, publish=publish)
    except OSError as error:
        raise PushRefused(
            str(push.folder),
            f"a file cannot be read or written ({error.strerror or error}); a ZIP file needs room for a copy of the "
            "dataset in TMPDIR",
        ) from error


def _missing_metadata(described: dict[str, Any], folder: Path) -> Iterator[str]:
    """Yields the descriptions that Zenodo needs and a dataset lacks. `described` is the dataset's DataCite
    metadata. The licence of the compilation and those of records count as a licence.
    """
    if not described.get("titles"):
        yield "title"
    if [one["name"] for one in described.get("creators", [])] in ([], [DEFAULT_PUBLISHER]):
        yield "creators"
    licences = {one.get("rightsUri", "") for one in described.get("rightsList", [])} - {"", UNKNOWN_LICENCE}
    stated = parse_publication_rules(read_rebuild(folder)["request"].rules, str(folder)).dataset.get("licence")
    if (
        not licences
        and not stated
        and not any(row["licence"] for row in read_table(table_files(folder, ARTICLES), ["licence"]))
    ):
        yield "licence"
    if not described.get("descriptions"):
        yield "description"


def _zenodo_metadata(described: dict[str, Any]) -> dict[str, Any]:
    """Returns the metadata of a deposition (developers.zenodo.org, "Deposit metadata"), made from the dataset's
    DataCite metadata (`described`).

    Zenodo assumes CC0 for a dataset without a licence. Therefore a dataset whose records have different licences says
    "other-closed" (Other, not open) and names them in the notes.
    """
    rights = described["rightsList"][0]
    licence = rights.get("rights") or rights.get("rightsIdentifier") or rights["rightsUri"]
    creators = []
    for one in described["creators"]:
        given, _, family = one["name"].rpartition(" ")
        creator = {"name": f"{family}, {given}" if one.get("nameType") == "Personal" and given else one["name"]}
        if one.get("affiliation"):
            creator["affiliation"] = one["affiliation"][0]["name"]
        if identifiers := one.get("nameIdentifiers"):
            creator["orcid"] = identifiers[0]["nameIdentifier"].rpartition("/")[2]
        creators.append(creator)
    issued = [one["date"] for one in described.get("dates", []) if one["dateType"] == "Issued"]
    metadata = {
        "upload_type": "dataset",
        "title": described["titles"][0]["title"],
        "creators": creators,
        "description": described["descriptions"][0]["description"],
        "access_right": "open",
        "license": rights["rightsIdentifier"].lower() if rights.get("rightsIdentifier") else "other-closed",
        "notes": f"Licence: {licence}.",
        "publication_date": issued[0] if issued else "",
        "version": described["version"],
        "keywords": [one["subject"] for one in described.get("subjects", [])],
        "doi": described.get("doi", ""),
    }
    return {name: value for name, value in metadata.items() if value}


# The client of the REST service.

_SECONDS = 60
_UPLOAD_SECONDS = 900
"""The timeout of an upload in seconds. It is long because a service computes the digest of a file before it answers."""


class _NoRedirects(HTTPRedirectHandler):
    """Makes urllib treat redirects as errors. Otherwise it would send the token on to another host."""

    def redirect_request(self, *args: Any) -> None:
        return None


@dataclass(frozen=True, slots=True)
class _Client:
    """Sends requests with a token to Zenodo, and parses the JSON that it returns."""

    token: str

    def send(self, method: str, url: str, document: Any = None) -> Any:
        """Sends a request, with `document` as its JSON body unless it is None, and returns the parsed answer. Raises
        PushFailed.
        """
        body = None if document is None else json.dumps(document).encode()
        return self._open(Request(url, body, {"Content-Type": "application/json"}, method=method), _SECONDS, url)

    def upload(self, url: str, file: IO[bytes], size: int, name: str) -> Any:
        """Sends an open file of `size` bytes with PUT, as a stream, and returns the parsed answer. `name` is the file's
        name for messages. Raises PushFailed.
        """
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(size)}
        return self._open(Request(url, file, headers, method="PUT"), _UPLOAD_SECONDS, name)

    def _open(self, request: Request, seconds: float, what: str) -> Any:
        if urlsplit(request.full_url).scheme != urlsplit(service_address()).scheme:
            raise self.failure(f"names an address that is not safe for a token ({request.full_url})")
        request.add_header("Authorization", f"Bearer {self.token}")
        request.add_header("User-Agent", "archiver")
        try:
            with build_opener(_NoRedirects).open(request, timeout=seconds) as answer:
                text = answer.read()
            return json.loads(text) if text.strip() else {}
        except HTTPError as error:
            raise self.failure(self._reason(error, what)) from error
        except (OSError, HTTPException) as error:
            why = getattr(error, "reason", None) or error
            raise self.failure(f"broke the connection ({str(why) or type(why).__name__}) at {what}") from error
        except ValueError as error:
            raise self.failure(f"answered {what} with something that is not JSON") from error

    def _reason(self, error: HTTPError, what: str) -> str:
        if error.code in (401, 403):
            return f"does not accept the token in {TOKEN} for this ({error.code}); create one that may write"
        if error.code == 413:
            return f"says that {what} is too large (413)"
        if error.code == 429:
            return f"asks for a pause (429); try again in {error.headers.get('Retry-After', 'some')} seconds"
        with suppress(OSError, ValueError, HTTPException):
            if text := " ".join(_messages(json.loads(error.read(100_000)))):
                return f"refuses {what} ({error.code}): {text[:500].rstrip('.')}"
        return f"answers {what} with the status {error.code}"

    def failure(self, what: str) -> PushFailed:
        return PushFailed(TITLE, what)


def _messages(document: Any) -> Iterator[str]:
    """Yields the messages of an error: its `message` and those of `errors`."""
    if isinstance(document, dict):
        field = f"{document['field']}: " if document.get("field") else ""
        if isinstance(document.get("message"), str):
            yield f"{field}{document['message']}"
        yield from _messages(document.get("errors"))
    elif isinstance(document, list):
        for one in document:
            yield from _messages(one)


@contextmanager
def _draft(client: _Client, url: str) -> Iterator[None]:
    """Deletes the draft at this address if the `with` block fails."""
    try:
        yield
    except BaseException as error:
        try:
            client.send("DELETE", url)
        except PushFailed as left:
            if isinstance(error, PushFailed):
                raise PushFailed(TITLE, f"{error.what}. Its unpublished draft could not be deleted: {url}") from left
        raise


@contextmanager
def _complete_draft(client: _Client, page: str) -> Iterator[None]:
    """If the draft cannot be published in the `with` block, adds the address of its page (`page`) to the error. The
    draft is kept: it is complete, and the service may have published it although its answer did not arrive.
    """
    try:
        yield
    except PushFailed as error:
        raise PushFailed(TITLE, error.what, f"The complete draft is at {page}; publish it there.") from error


def _field(client: _Client, document: Any, *names: str) -> Any:
    """Returns the value of a service's answer at a path of names, such as "data", "links". Raises PushFailed if it is
    missing.
    """
    for name in names:
        if not isinstance(document, Mapping) or name not in document:
            raise client.failure(f"gave an answer without {'.'.join(names)}")
        document = document[name]
    return document


def _push_to_zenodo(push: Push, client: _Client, report: Report, *, publish: bool) -> str:
    depositions = f"{service_address()}/api/deposit/depositions"
    made = client.send("POST", depositions, {})
    this = f"{depositions}/{_field(client, made, 'id')}"
    with _draft(client, this):
        bucket = _field(client, made, "links", "bucket")
        client.send("PUT", this, {"metadata": push.metadata})
        report(push.archive)
        with tempfile.TemporaryFile() as packed:
            _pack(push, packed)
            _upload_to_bucket(client, bucket, push.archive, packed)
        report("README.md")
        with (push.folder / "README.md").open("rb") as file:
            _upload_to_bucket(client, bucket, "README.md", file)
        page = str(_field(client, made, "links", "html"))
    if not publish:
        return page
    with _complete_draft(client, page):
        done = client.send("POST", f"{this}/actions/publish")
    return str(done.get("links", {}).get("record_html") or page)


def _pack(push: Push, out: IO[bytes]) -> None:
    """Packs the files of a dataset as a ZIP file, in a folder with the dataset's name. They are stored as they are,
    since Parquet is compressed.
    """
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as packed:
        for path in push.sizes:
            entry = zipfile.ZipInfo(f"{push.archive.removesuffix('.zip')}/{path}")
            entry.external_attr, entry.file_size = 0o644 << 16, push.sizes[path]
            with packed.open(entry, "w") as target, (push.folder / path).open("rb") as source:
                while chunk := source.read(1 << 20):
                    target.write(chunk)


def _upload_to_bucket(client: _Client, bucket: str, name: str, file: IO[bytes]) -> None:
    file.seek(0)
    digest = hashlib.file_digest(file, "md5").hexdigest()  # type: ignore[arg-type]
    size = file.tell()
    file.seek(0)
    answer = client.upload(f"{bucket}/{quote(name)}", file, size, name)
    if _field(client, answer, "checksum") != f"md5:{digest}":
        raise client.failure(f"received {name} with another checksum; push again")
