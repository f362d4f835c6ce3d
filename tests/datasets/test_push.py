"""Datasets are pushed to servers on loopback that speak the APIs of Hugging Face, Zenodo and OSF.

The requests of a push are cases in tests/cases/push: a file a service, with the requests and the JSON in them.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import shutil
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from archiver.cli.main import cli
from archiver.datasets import dataset_push
from archiver.datasets.dataset_push import SERVICES
from archiver.errors import PushFailed, PushRefused
from tests.datasets.published import POSTS, contents, make, publish
from tests.datasets.push_services import BROKEN, TOKEN, WRONG, Services
from tests.datasets.test_validators import RULES
from tests.runner import Runner, failure

CASES = Path(__file__).parents[1] / "cases" / "push"
TARGETS = {"hf": "hf:harbour/news", "zenodo": "zenodo", "osf": "osf"}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("pushed")
    archive = make(place / "archive" / "archive.db", POSTS)
    (place / "rules.toml").write_text(RULES)
    words = ("--version", "1.0.0", "--rules", str(place / "rules.toml"), "--splits", "train=60,test=40")
    done = publish(archive, str(place / "d"), *words)
    assert done.exit_code == 0, done.output
    return place / "d"


@pytest.fixture
def services(monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    from huggingface_hub import constants

    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    with Services() as services:
        for name, variable, base in (
            ("hf", "HF_ENDPOINT", ""),
            ("zenodo", "ZENODO_URL", ""),
            ("osf", "OSF_URL", "/v2"),
        ):
            monkeypatch.setenv(variable, f"{services.address}{base}")
            monkeypatch.setenv(SERVICES[name].token, TOKEN)
        yield services


def push(name: str, folder: Path, *words: str) -> Result:
    return Runner().invoke(cli, ["publish", "--push", TARGETS.get(name, name), str(folder), *words])


SHOWN = ("README.md", "SHA256SUMS", "data/articles/test.parquet", "data/articles/train.parquet")
"""The files that the cases show; the others are sent in the same way."""
DIFFERING = frozenset({"sample", "size", "oid", "content"})
"""What differs between releases of pyarrow: digests, sizes and contents."""


def requests(services: Services) -> list[list[Any]]:
    """Return the requests for the files that the cases show. Those of Hugging Face are sorted, since huggingface_hub
    sends files in several threads.
    """
    digests = {hashlib.sha256(data).hexdigest(): name for name, data in services.sent_contents.items()}
    out = []
    for request, *documents in services.requests:
        if lfs := re.fullmatch(r"PUT /lfs/(\w+)", request):
            request = f"PUT /lfs/{digests[lfs[1]]}"
        path = re.search(r"osfstorage/(.*)\?kind=file&name=(.*)|PUT /lfs/(.*)", request)
        if path is None or "".join(part or "" for part in path.groups()) in SHOWN:
            out.append([request, *filter(None, (_shown(one, digests) for one in documents))])
    return sorted(out, key=str) if digests and any("/lfs/" in request[0] for request in out) else out


def _shown(value: Any, digests: dict[str, str]) -> Any:
    if isinstance(value, list):
        return [one for one in (_shown(one, digests) for one in value) if one is not None]
    if not isinstance(value, dict):
        return value
    name = value.get("path") or value.get("value", {}).get("path") or digests.get(value.get("oid", ""))
    if name and name not in SHOWN:
        return None
    return {key: "..." if key in DIFFERING else _shown(one, digests) for key, one in value.items()}


@pytest.mark.parametrize("name", TARGETS)
def test_a_push_makes_a_draft_with_these_requests(built: Path, services: Services, name: str) -> None:
    done = push(name, built)
    assert done.exit_code == 0, done.output
    case = CASES / f"{name}.json"
    services.sent_contents = contents(built)
    assert requests(services) == json.loads(case.read_text(encoding="utf-8"))
    assert services.drafts
    assert not services.published
    assert TOKEN not in done.output


@pytest.mark.parametrize(
    ("name", "request_", "page"),
    [
        ("zenodo", "POST /api/deposit/depositions/7/actions/publish", "https://zenodo.example/record/7"),
        ("osf", "PATCH /v2/nodes/abcde/", "https://osf.example/abcde/"),
        ("hf", "POST /api/datasets/harbour/news/commit/main", "/datasets/harbour/news"),
    ],
)
def test_a_draft_is_published_if_asked_for(
    built: Path, services: Services, name: str, request_: str, page: str
) -> None:
    done = push(name, built, "--publish-now")
    assert done.exit_code == 0, done.output
    assert services.requests[-1][0] == request_
    assert done.output.rstrip().endswith(page)


def test_zenodo_gets_the_dataset_as_one_file(built: Path, services: Services) -> None:
    assert push("zenodo", built).exit_code == 0
    name = "harbour-and-what-was-said-of-it-1.0.0"
    assert sorted(services.files) == ["README.md", f"{name}.zip"]
    with zipfile.ZipFile(io.BytesIO(services.files[f"{name}.zip"])) as packed:
        assert {one: packed.read(f"{name}/{one}") for one in contents(built)} == contents(built)
        assert len(packed.namelist()) == len(contents(built))


def test_osf_gets_the_files_in_their_folders(built: Path, services: Services) -> None:
    assert push("osf", built).exit_code == 0
    assert services.files == contents(built)


def test_hugging_face_gets_all_files_in_one_commit(built: Path, services: Services) -> None:
    assert push("hf", built).exit_code == 0
    assert services.repositories == {"harbour/news": {*contents(built)}}
    large = {data for name, data in contents(built).items() if name.endswith(".parquet")}
    assert services.files == {hashlib.sha256(data).hexdigest(): data for data in large}
    created = next(document for request, *document in services.requests if request == "POST /api/repos/create")
    assert created[0]["visibility"] == "private"


def test_existing_repository_gets_a_pull_request_that_replaces_its_files(built: Path, services: Services) -> None:
    before = {".gitattributes", "README.md", "data/old.parquet"}
    services.repositories["harbour/news"] = set(before)
    done = push("hf", built)
    assert done.output.rstrip().endswith("/datasets/harbour/news/discussions/1")
    assert services.repositories["harbour/news"] == before
    services.requests.clear()
    assert push("hf", built, "--publish-now").exit_code == 0
    assert services.repositories["harbour/news"] == {".gitattributes", *contents(built)}


@pytest.mark.parametrize("name", TARGETS)
def test_dry_run_shows_what_would_be_sent_and_sends_nothing(
    built: Path, services: Services, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.delenv(SERVICES[name].token)
    done = push(name, built, "--dry-run", "--json")
    assert done.exit_code == 0, done.output
    shown = json.loads(done.output)
    assert services.requests == []
    assert (shown["service"], shown["sent"], shown["draft"]) == (SERVICES[name].title, False, True)
    assert "README.md" in shown["files"]
    assert "Harbour, and what was said of it" in json.dumps(shown["metadata"])
    assert f"Would send to {SERVICES[name].title}" in push(name, built, "--dry-run").output


def test_zenodo_metadata_name_creators_licence_and_doi(built: Path) -> None:
    shown = json.loads(push("zenodo", built, "--dry-run", "--json").output)["metadata"]
    assert shown["creators"] == [
        {"name": "Berg, Ada", "affiliation": "Harbour School", "orcid": "0000-0002-1825-0097"},
        {"name": "The Lab"},
    ]
    assert (shown["license"], shown["doi"], shown["version"]) == ("cc-by-4.0", "10.1234/harbour", "1.0.0")


FAILURES = [
    ("zenodo", "POST /api/deposit/depositions", 401, "does not accept the token in ZENODO_TOKEN"),
    ("zenodo", "PUT /api/deposit/depositions/7", 400, "Validation error. metadata.title: Bad."),
    ("zenodo", r"PUT /api/files/b7/.*\.zip", 413, "-1.0.0.zip is too large (413)"),
    ("zenodo", "PUT /api/files/b7/README.md", BROKEN, "broke the connection"),
    ("zenodo", "PUT /api/files/b7/README.md", WRONG, "received README.md with another checksum"),
    ("zenodo", "PUT /api/files/b7/README.md", 429, "try again in 30 seconds"),
    ("zenodo", "PUT /api/files/b7/README.md", 302, "refuses README.md (302)"),
    ("osf", "POST /v2/nodes/", 403, "does not accept the token in OSF_TOKEN"),
    ("osf", "PUT .*/data/", 409, "refuses"),
    ("osf", "PUT .*/data/articles/", 413, "data/articles/test.parquet is too large (413)"),
    ("osf", "PUT .*/data/articles/", WRONG, "received data/articles/test.parquet with another checksum"),
    ("hf", "POST /api/repos/create", 401, "does not accept the token in HF_TOKEN"),
    ("hf", r"PUT /lfs/\w+", 413, "refuses harbour/news (413)"),
    ("hf", r"PUT /lfs/\w+", WRONG, "refuses harbour/news (400)"),
    ("hf", "POST /api/datasets/harbour/news/commit/main", BROKEN, "did not take harbour/news"),
    ("hf", "POST /api/validate-yaml", 400, "Invalid metadata in README.md. - Bad"),
]


@pytest.mark.parametrize(("name", "where", "fault", "said"), FAILURES)
def test_a_failure_is_a_sentence_and_leaves_nothing(
    built: Path, services: Services, name: str, where: str, fault: Any, said: str
) -> None:
    services.faults[where] = fault
    done = push(name, built, "--publish-now")
    assert done.exit_code == 1
    assert isinstance(failure(done), PushFailed)
    assert said in done.output
    assert "Nothing was published." in done.output
    assert TOKEN not in done.output
    assert services.published == set()
    assert services.repositories == {}
    assert services.drafts <= {"harbour/news"}, "the repository was deleted again"


@pytest.mark.parametrize(
    ("name", "where", "page"),
    [
        ("zenodo", ".*/actions/publish", "https://zenodo.example/deposit/7"),
        ("osf", "PATCH .*", "https://osf.example/abcde/"),
    ],
)
@pytest.mark.parametrize("fault", [400, BROKEN])
def test_complete_draft_that_cannot_be_published_is_kept(
    built: Path, services: Services, name: str, where: str, page: str, fault: Any
) -> None:
    services.faults[where] = fault
    done = push(name, built, "--publish-now")
    assert f"The complete draft is at {page}; publish it there." in done.output
    assert len(services.drafts) == 1


def test_draft_that_cannot_be_deleted_is_named(built: Path, services: Services) -> None:
    services.faults = {"PUT .*/README.md": 500, "DELETE .*": 500}
    done = push("zenodo", built)
    assert f"draft could not be deleted: {services.address}/api/deposit/depositions/7. Nothing was" in done.output


def test_lost_answer_to_a_commit_is_not_called_a_failure(built: Path, services: Services) -> None:
    services.repositories["harbour/news"] = set()
    services.faults["POST .*/commit/main"] = BROKEN
    done = push("hf", built, "--publish-now")
    assert f"Look at {services.address}/datasets/harbour/news before you push again" in done.output
    assert "Nothing was published." not in done.output
    assert "harbour/news" in services.repositories


def test_no_token_goes_to_an_address_without_tls(
    built: Path, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = dataset_push._Client(SERVICES["zenodo"], TOKEN)
    monkeypatch.delenv("ZENODO_URL")
    with pytest.raises(PushFailed, match="not safe for a token"):
        client.send("GET", f"{services.address}/api/deposit/depositions")
    assert services.requests == []


def test_dataset_that_was_changed_is_refused(built: Path, services: Services, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(built, tmp_path / "d"))
    (copy / "README.md").write_text("other")
    done = push("zenodo", copy)
    assert isinstance(failure(done), PushRefused)
    assert "--check finds problems: README.md was changed" in done.output
    assert services.requests == []


def test_dataset_without_creators_and_licence_is_refused(tmp_path: Path, services: Services) -> None:
    archive = make(tmp_path / "archive" / "archive.db", [replace(POSTS[4], rights=())])
    assert publish(archive, str(tmp_path / "d"), "--version", "1.0.0").exit_code == 0
    done = push("zenodo", tmp_path / "d", "--dry-run")
    assert "it has no creators and no licence; give them in [dataset] of --rules" in done.output
    assert services.requests == []


def test_licences_of_records_are_not_called_open(tmp_path: Path, services: Services) -> None:
    archive = make(tmp_path / "archive" / "archive.db", POSTS)
    (tmp_path / "rules.toml").write_text('[dataset]\ncreators = [{ name = "The Lab" }]\n')
    words = ("--version", "1.0.0", "--rules", str(tmp_path / "rules.toml"))
    assert publish(archive, str(tmp_path / "d"), *words).exit_code == 0
    shown = json.loads(push("zenodo", tmp_path / "d", "--dry-run", "--json").output)["metadata"]
    assert shown["license"] == "other-closed"
    assert "none known" in shown["notes"]


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        ({"most_files": 5}, "files, and OSF takes 5"),
        ({"file_bytes": 100}, "0.0 GB, and OSF takes 0.0 GB a file"),
        ({"bytes": 100}, "0.0 GB, and OSF takes 0.0 GB; push it to another service"),
    ],
)
def test_dataset_beyond_the_limits_is_refused(
    built: Path, services: Services, monkeypatch: pytest.MonkeyPatch, limit: dict[str, int], said: str
) -> None:
    monkeypatch.setitem(SERVICES, "osf", replace(SERVICES["osf"], **limit))
    done = push("osf", built, "--dry-run")
    assert isinstance(failure(done), PushRefused)
    assert said in done.output


def test_missing_token_is_named(built: Path, services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OSF_TOKEN")
    assert "the environment variable OSF_TOKEN has no access token" in push("osf", built).output
    assert services.requests == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--push", "hf:name", "{}"], "'hf:name' is no place to push to"),
        (["--push", "dryad", "{}"], "use hf:OWNER/NAME, zenodo or osf"),
        (["--push", "zenodo"], "Give the folder DIR"),
        (["--push", "zenodo", "{}", "--version", "1.0.0"], "--push cannot be combined with --version"),
        (["{}", "--dry-run"], "--dry-run needs --drop-contacts or --push"),
    ],
)
def test_wrong_usage_is_refused(built: Path, services: Services, words: list[str], said: str) -> None:
    done = Runner().invoke(cli, ["publish", *(word.format(built) for word in words)])
    assert done.exit_code != 0
    assert said in done.output
    assert services.requests == []


def test_missing_extra_is_named(built: Path, services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    assert "pip install 'archiver[push]'" in push("hf", built).output
    assert services.requests == []


def test_json_has_the_address_of_the_draft(built: Path, services: Services) -> None:
    shown = json.loads(push("osf", built, "--json").stdout)
    assert (shown["sent"], shown["draft"], shown["url"]) == (True, True, "https://osf.example/abcde/")
    assert shown["files"] == {name: len(data) for name, data in contents(built).items()}
