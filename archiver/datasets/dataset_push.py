"""Pushes a dataset to a repository for research data: Hugging Face, Zenodo or OSF.

A push leaves either a complete version or none. It creates a draft, sends the files, compares the digests that the
service returns, and publishes the draft only if that was asked for. If anything fails before, the draft is deleted.

- Hugging Face: one commit to a dataset repository, through huggingface_hub. A new repository is private; for an
  existing one the draft is a pull request.
- Zenodo (https://developers.zenodo.org): a deposition. Zenodo has no folders, so it gets the dataset as one ZIP file.
- OSF (https://developer.osf.io): a project whose files are sent to WaterButler (`waterbutler/docs/api.rst`).

Tokens come from the environment and never appear in messages.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path, PurePosixPath
from typing import IO, Any
from urllib.error import HTTPError
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from archiver.datasets.dataset_metadata_files import DEFAULT_PUBLISHER, UNKNOWN_LICENCE
from archiver.datasets.publication_rules_tiers_and_licences import parse_publication_rules
from archiver.datasets.snapshot_building_versions_and_checks import (
    check_snapshot,
    read_rebuild,
    read_snapshot_file,
    snapshot_files,
)
from archiver.datasets.snapshot_tables import ARTICLES, read_table, table_files
from archiver.errors import ExtraMissing, PushFailed, PushRefused

Report = Callable[[str], None]
"""A function that is called with the name of each file before it is sent."""


@dataclass(frozen=True, slots=True)
class PushService:
    """A service to which datasets are pushed.

    - `token`: the environment variable with the access token.
    - `base`, `default`: the environment variable with the address of the API, and its default.
    - `most_files`, `file_bytes`, `bytes`: its limits: number of files, size of a file, size of all files.
    """

    title: str
    token: str
    base: str
    default: str
    most_files: int
    file_bytes: int
    bytes: int

    @property
    def address(self) -> str:
        return (os.environ.get(self.base) or self.default).rstrip("/")

    def refused_token(self, status: int) -> str:
        return f"does not accept the token in {self.token} for this ({status}); create one that may write"


SERVICES: dict[str, PushService] = {
    "hf": PushService(
        "Hugging Face", "HF_TOKEN", "HF_ENDPOINT", "https://huggingface.co", 100_000, 50 * 10**9, 300 * 10**9
    ),
    "zenodo": PushService(
        "Zenodo", "ZENODO_TOKEN", "ZENODO_URL", "https://zenodo.org", 100, 50 * 10**9, 50 * 10**9
    ),  # https://sandbox.zenodo.org is for tests
    "osf": PushService("OSF", "OSF_TOKEN", "OSF_URL", "https://api.osf.io/v2", 10_000, 5 * 10**9, 5 * 10**9),
}
_TARGET = re.compile(r"hf:[\w.-]+/[\w.-]+|zenodo|osf", re.ASCII)


@dataclass(frozen=True, slots=True)
class Push:
    """A checked dataset, and what is sent of it.

    - `repository`: OWNER/NAME on Hugging Face, "" elsewhere.
    - `sizes`: the files of the dataset by path, with their sizes.
    - `sha256`: their digests.
    - `metadata`: the description of the dataset that the service gets.
    - `archive`: the name of the ZIP file that contains the files; "" if they are sent one by one.
    """

    folder: Path
    service: PushService
    repository: str
    version: str
    sizes: dict[str, int]
    sha256: dict[str, str]
    metadata: dict[str, Any]
    archive: str = ""

    @property
    def sent(self) -> dict[str, int]:
        """The files that the service receives, with their sizes. The size of a ZIP file is that of its contents."""
        if not self.archive:
            return self.sizes
        return {self.archive: sum(self.sizes.values()), "README.md": self.sizes["README.md"]}


def plan_push(folder: Path, target: str) -> Push:
    """Checks a dataset and returns what would be sent. Nothing is sent.

    `target` is hf:OWNER/NAME, zenodo or osf. Raises PushRefused if the target is none of them, the dataset is not
    complete and unchanged, a description that the service needs is missing, or the service does not take files of that
    size; and NotASnapshot.
    """
    if not _TARGET.fullmatch(target):
        raise PushRefused(target, f"{target!r} is no place to push to; use hf:OWNER/NAME, zenodo or osf")
    name, _, repository = target.partition(":")
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
        SERVICES[name],
        repository,
        described["version"],
        {path: (folder / path).stat().st_size for path in paths},
        {
            path: digest
            for digest, path in (
                line.split("  ", 1) for line in read_snapshot_file(folder, "SHA256SUMS").splitlines() if line
            )
        },
        {"hf": _hf_metadata, "zenodo": _zenodo_metadata, "osf": _osf_metadata}[name](described),
        f"{slug}-{described['version']}.zip" if name == "zenodo" else "",
    )
    _check_limits(push)
    return push


def send_push(push: Push, report: Report, *, publish: bool = False) -> str:
    """Sends a dataset as a draft, or publishes it if `publish` is True. Calls `report` with the name of each file
    before it is sent. Returns the address of the page that shows the dataset.

    Raises PushRefused if the token is missing, ExtraMissing if huggingface_hub is needed and not installed, and
    PushFailed if the service refuses the dataset or the connection breaks. Then nothing of the dataset remains there,
    unless the message says so.
    """
    token = os.environ.get(push.service.token, "")
    if not token:
        raise PushRefused(
            push.service.title, f"the environment variable {push.service.token} has no access token; set it"
        )
    if push.repository:
        return _push_to_hugging_face(push, token, report, publish=publish)
    client = _Client(push.service, token)
    try:
        return (_push_to_zenodo if push.archive else _push_to_osf)(push, client, report, publish)
    except OSError as error:
        raise PushRefused(
            str(push.folder),
            f"a file cannot be read or written ({error.strerror or error}); a ZIP file needs room for a copy of the "
            "dataset in TMPDIR",
        ) from error


def _missing_metadata(described: dict[str, Any], folder: Path) -> Iterator[str]:
    """Yields the descriptions that every service needs and a dataset lacks. `described` is the dataset's DataCite
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


def _check_limits(push: Push) -> None:
    service, sizes = push.service, push.sent
    largest = max(sizes, key=lambda path: sizes[path])
    why = (
        f"it has {len(sizes):,} files, and {service.title} takes {service.most_files:,}"
        if len(sizes) > service.most_files
        else f"{largest} has {_gigabytes(sizes[largest])}, and {service.title} takes {_gigabytes(service.file_bytes)} "
        "a file"
        if sizes[largest] > service.file_bytes
        else f"it has {_gigabytes(sum(sizes.values()))}, and {service.title} takes {_gigabytes(service.bytes)}"
        if sum(sizes.values()) > service.bytes
        else ""
    )
    if why:
        raise PushRefused(str(push.folder), f"{why}; push it to another service, or publish fewer articles")


def _gigabytes(size: int) -> str:
    return f"{size / 10**9:,.1f} GB"


# The description of a dataset that each service gets, made from its datacite.json.


def _licence_text(described: dict[str, Any]) -> str:
    rights = described["rightsList"][0]
    return str(rights.get("rights") or rights.get("rightsIdentifier") or rights["rightsUri"])


def _orcid(creator: dict[str, Any]) -> str:
    names = creator.get("nameIdentifiers", [])
    return next((one["nameIdentifier"].rpartition("/")[2] for one in names), "")


def _hf_metadata(described: dict[str, Any]) -> dict[str, Any]:
    """Returns the message of the commit to Hugging Face, made from the dataset's DataCite metadata (`described`). All
    other metadata is in the dataset's README.md.
    """
    return {"message": f"{described['titles'][0]['title']}, version {described['version']}"}


def _zenodo_metadata(described: dict[str, Any]) -> dict[str, Any]:
    """Returns the metadata of a deposition (developers.zenodo.org, "Deposit metadata"), made from the dataset's
    DataCite metadata (`described`).

    Zenodo assumes CC0 for a dataset without a licence. Therefore a dataset whose records have different licences says
    "other-closed" (Other, not open) and names them in the notes.
    """
    rights = described["rightsList"][0]
    creators = []
    for one in described["creators"]:
        given, _, family = one["name"].rpartition(" ")
        creator = {"name": f"{family}, {given}" if one.get("nameType") == "Personal" and given else one["name"]}
        if one.get("affiliation"):
            creator["affiliation"] = one["affiliation"][0]["name"]
        if orcid := _orcid(one):
            creator["orcid"] = orcid
        creators.append(creator)
    issued = [one["date"] for one in described.get("dates", []) if one["dateType"] == "Issued"]
    metadata = {
        "upload_type": "dataset",
        "title": described["titles"][0]["title"],
        "creators": creators,
        "description": described["descriptions"][0]["description"],
        "access_right": "open",
        "license": rights["rightsIdentifier"].lower() if rights.get("rightsIdentifier") else "other-closed",
        "notes": f"Licence: {_licence_text(described)}.",
        "publication_date": issued[0] if issued else "",
        "version": described["version"],
        "keywords": [one["subject"] for one in described.get("subjects", [])],
        "doi": described.get("doi", ""),
    }
    return {name: value for name, value in metadata.items() if value}


def _osf_metadata(described: dict[str, Any]) -> dict[str, Any]:
    """Returns the attributes of an OSF project, made from the dataset's DataCite metadata (`described`). They have no
    field for the name of a licence or for creators without an account, so the description names both.
    """
    names = "; ".join(one["name"] for one in described["creators"])
    return {
        "title": f"{described['titles'][0]['title']}, version {described['version']}",
        "category": "data",
        "description": f"{described['descriptions'][0]['description']}\n\nBy {names}. Licence: "
        f"{_licence_text(described)}.",
        "tags": [one["subject"] for one in described.get("subjects", [])],
        "public": False,
    }


# The client of the REST services.

_SECONDS = 60
_UPLOAD_SECONDS = 900
"""The timeout of an upload in seconds. It is long because a service computes the digest of a file before it answers."""


class _NoRedirects(HTTPRedirectHandler):
    """Makes urllib treat redirects as errors. Otherwise it would send the token on to another host."""

    def redirect_request(self, *args: Any) -> None:
        return None


@dataclass(frozen=True, slots=True)
class _Client:
    """Sends requests with a token to a service, and parses the JSON that it returns."""

    service: PushService
    token: str

    def send(self, method: str, url: str, document: Any = None, *, kind: str = "application/json") -> Any:
        """Sends a request, with `document` as its JSON body unless it is None, and returns the parsed answer. `kind` is
        the media type of the body. Raises PushFailed.
        """
        body = None if document is None else json.dumps(document).encode()
        return self._open(Request(url, body, {"Content-Type": kind}, method=method), _SECONDS, url)

    def upload(self, url: str, file: IO[bytes], size: int, name: str) -> Any:
        """Sends an open file of `size` bytes with PUT, as a stream, and returns the parsed answer. `name` is the file's
        name for messages. Raises PushFailed.
        """
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(size)}
        return self._open(Request(url, file, headers, method="PUT"), _UPLOAD_SECONDS, name)

    def _open(self, request: Request, seconds: float, what: str) -> Any:
        if urlsplit(request.full_url).scheme != urlsplit(self.service.address).scheme:
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
            return (
                f"does not accept the token in {self.service.token} for this ({error.code}); create one that may write"
            )
        if error.code == 413:
            return f"says that {what} is too large (413)"
        if error.code == 429:
            return f"asks for a pause (429); try again in {error.headers.get('Retry-After', 'some')} seconds"
        with suppress(OSError, ValueError, HTTPException):
            if text := " ".join(_messages(json.loads(error.read(100_000)))):
                return f"refuses {what} ({error.code}): {text[:500].rstrip('.')}"
        return f"answers {what} with the status {error.code}"

    def failure(self, what: str) -> PushFailed:
        return PushFailed(self.service.title, what)


def _messages(document: Any) -> Iterator[str]:
    """Yields the messages of an error: Zenodo's `message` and those of `errors`, JSON:API's `detail`."""
    if isinstance(document, dict):
        field = f"{document['field']}: " if document.get("field") else ""
        yield from (f"{field}{document[name]}" for name in ("message", "detail") if isinstance(document.get(name), str))
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
                raise PushFailed(
                    client.service.title, f"{error.what}. Its unpublished draft could not be deleted: {url}"
                ) from left
        raise


@contextmanager
def _complete_draft(client: _Client, page: str) -> Iterator[None]:
    """If the draft cannot be published in the `with` block, adds the address of its page (`page`) to the error. The
    draft is kept: it is complete, and the service may have published it although its answer did not arrive.
    """
    try:
        yield
    except PushFailed as error:
        raise PushFailed(
            client.service.title, error.what, f"The complete draft is at {page}; publish it there."
        ) from error


def _field(client: _Client, document: Any, *names: str) -> Any:
    """Returns the value of a service's answer at a path of names, such as "data", "links". Raises PushFailed if it is
    missing.
    """
    for name in names:
        if not isinstance(document, Mapping) or name not in document:
            raise client.failure(f"gave an answer without {'.'.join(names)}")
        document = document[name]
    return document


# Zenodo.


def _push_to_zenodo(push: Push, client: _Client, report: Report, publish: bool) -> str:
    made = client.send("POST", f"{push.service.address}/api/deposit/depositions", {})
    this = f"{push.service.address}/api/deposit/depositions/{_field(client, made, 'id')}"
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


# OSF.


def _push_to_osf(push: Push, client: _Client, report: Report, publish: bool) -> str:
    api = "application/vnd.api+json"
    nodes = f"{push.service.address}/nodes/"
    made = client.send("POST", nodes, {"data": {"type": "nodes", "attributes": push.metadata}}, kind=api)
    number = _field(client, made, "data", "id")
    this = f"{nodes}{number}/"
    with _draft(client, this):
        providers = _field(client, client.send("GET", f"{this}files/"), "data")
        root = next((one for one in providers if one.get("attributes", {}).get("provider") == "osfstorage"), None)
        folders = {PurePosixPath("."): _field(client, root, "links")}
        for path in push.sizes:
            report(path)
            place = _osf_folder(client, folders, PurePosixPath(path).parent)
            with (push.folder / path).open("rb") as file:
                digest = push.sha256.get(path) or hashlib.file_digest(file, "sha256").hexdigest()
                file.seek(0)
                answer = client.upload(
                    _with_query(_field(client, place, "upload"), kind="file", name=PurePosixPath(path).name),
                    file,
                    push.sizes[path],
                    path,
                )
            if _field(client, answer, "data", "attributes", "extra", "hashes", "sha256") != digest:
                raise client.failure(f"received {path} with another checksum; push again")
        page = str(_field(client, made, "data", "links", "html"))
    if publish:
        public = {"data": {"type": "nodes", "id": number, "attributes": {"public": True}}}
        with _complete_draft(client, page):
            client.send("PATCH", this, public, kind=api)
    return page


def _osf_folder(client: _Client, folders: dict[PurePosixPath, Any], path: PurePosixPath) -> Any:
    """Returns the links of a folder of an OSF project. Creates the folder if it is not yet in `folders`, which has the
    links of the existing folders by path.
    """
    if path not in folders:
        parent = _osf_folder(client, folders, path.parent)
        url = _with_query(_field(client, parent, "new_folder"), kind="folder", name=path.name)
        folders[path] = _field(client, client.send("PUT", url), "data", "links")
    return folders[path]


def _with_query(url: str, **values: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(query=urlencode({**dict(parse_qsl(parts.query)), **values})))


# Hugging Face.


def _push_to_hugging_face(push: Push, token: str, report: Report, *, publish: bool) -> str:
    """Sends all files in one commit, so that no half of a version is visible (`upload_folder` might make several), and
    returns the address of the pull request or of the dataset. If `publish` is False, the commit becomes a pull request,
    or a private repository if the dataset has none yet.
    """
    try:
        from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi
    except ImportError as error:
        raise ExtraMissing("Pushing to Hugging Face", "push") from error
    api, name, kind = HfApi(push.service.address, token), push.repository, "dataset"
    page = f"{push.service.address}/datasets/{name}"
    with _hub_errors(push, token):
        is_new = not api.repo_exists(name, repo_type=kind)
        if is_new:
            api.create_repo(name, repo_type=kind, private=not publish)
    try:
        with _hub_errors(push, token, "" if is_new else f"Look at {page} before you push again: it may have arrived."):
            there = set() if is_new else set(api.list_repo_files(name, repo_type=kind))
            for path in push.sizes:
                report(path)
            done = api.create_commit(
                name,
                [
                    *(CommitOperationAdd(path, str(push.folder / path)) for path in push.sizes),
                    *(CommitOperationDelete(path) for path in sorted(there - {*push.sizes, ".gitattributes"})),
                ],
                commit_message=push.metadata["message"],
                repo_type=kind,
                create_pr=not publish and not is_new,
            )
    except BaseException:
        if is_new:
            with suppress(PushFailed), _hub_errors(push, token):
                api.delete_repo(name, repo_type=kind)
        raise
    return str(done.pr_url or page)


@contextmanager
def _hub_errors(push: Push, token: str, unknown: str = "") -> Iterator[None]:
    """Raises PushFailed instead of the errors of huggingface_hub. `unknown` is the sentence with which the message ends
    if the connection broke, so that nobody knows whether the commit arrived; "" if nothing can have arrived.
    """
    from httpx2 import HTTPError as BrokenConnection
    from huggingface_hub.errors import HfHubHTTPError

    try:
        yield
    except (BrokenConnection, OSError, ValueError, RuntimeError) as error:
        # The error of a file that is sent is a RuntimeError whose cause is the status.
        refusal = error if isinstance(error, HfHubHTTPError) else error.__cause__
        text = " ".join(str(getattr(error, "server_message", None) or error).split()).replace(token, "…")
        text, left = text[:500].rstrip(".") or type(error).__name__, "Nothing was published."
        if not isinstance(refusal, HfHubHTTPError):
            why = f"did not take {push.repository} ({text})"
            left = unknown if unknown and isinstance(error, BrokenConnection) else left
        elif refusal.response.status_code in (401, 403):
            why = push.service.refused_token(refusal.response.status_code)
        else:
            why = f"refuses {push.repository} ({refusal.response.status_code}): {text}"
        raise PushFailed(push.service.title, why, left) from error
