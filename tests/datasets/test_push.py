"""Datasets are pushed to a server on loopback that speaks the API of Zenodo.

The requests of a push are the case tests/cases/push/zenodo.json, with the JSON in them.
"""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from archiver.cli.main import cli
from archiver.datasets import dataset_push
from archiver.model.errors import PushFailed, PushRefused
from tests.datasets.published import POSTS, contents, make, publish
from tests.datasets.push_services import BROKEN, TOKEN, WRONG, Services
from tests.datasets.test_validators import RULES
from tests.runner import Runner, failure

CASE = Path(__file__).parents[1] / "cases" / "push" / "zenodo.json"


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
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with Services() as services:
        monkeypatch.setenv("ZENODO_URL", services.address)
        monkeypatch.setenv("ZENODO_TOKEN", TOKEN)
        yield services


def push(folder: Path, *words: str) -> Result:
    return Runner().invoke(cli, ["publish", "--push", "zenodo", str(folder), *words])


def test_a_push_makes_a_draft_with_these_requests(built: Path, services: Services) -> None:
    done = push(built)
    assert done.exit_code == 0, done.output
    assert services.requests == json.loads(CASE.read_text(encoding="utf-8"))
    assert services.drafts
    assert not services.published
    assert TOKEN not in done.output


def test_a_draft_is_published_if_asked_for(built: Path, services: Services) -> None:
    done = push(built, "--publish-now")
    assert done.exit_code == 0, done.output
    assert services.requests[-1][0] == "POST /api/deposit/depositions/7/actions/publish"
    assert done.output.rstrip().endswith("https://zenodo.example/record/7")


def test_zenodo_gets_the_dataset_as_one_file(built: Path, services: Services) -> None:
    assert push(built).exit_code == 0
    name = "harbour-and-what-was-said-of-it-1.0.0"
    assert sorted(services.files) == ["README.md", f"{name}.zip"]
    with zipfile.ZipFile(io.BytesIO(services.files[f"{name}.zip"])) as packed:
        assert {one: packed.read(f"{name}/{one}") for one in contents(built)} == contents(built)
        assert len(packed.namelist()) == len(contents(built))


def test_dry_run_shows_what_would_be_sent_and_sends_nothing(
    built: Path, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ZENODO_TOKEN")
    done = push(built, "--dry-run", "--json")
    assert done.exit_code == 0, done.output
    shown = json.loads(done.output)
    assert services.requests == []
    assert (shown["service"], shown["sent"], shown["draft"]) == ("Zenodo", False, True)
    assert "README.md" in shown["files"]
    assert "Harbour, and what was said of it" in json.dumps(shown["metadata"])
    assert "Would send to Zenodo" in push(built, "--dry-run").output


def test_zenodo_metadata_name_creators_licence_and_doi(built: Path) -> None:
    shown = json.loads(push(built, "--dry-run", "--json").output)["metadata"]
    assert shown["creators"] == [
        {"name": "Berg, Ada", "affiliation": "Harbour School", "orcid": "0000-0002-1825-0097"},
        {"name": "The Lab"},
    ]
    assert (shown["license"], shown["doi"], shown["version"]) == ("cc-by-4.0", "10.1234/harbour", "1.0.0")


FAILURES = [
    ("POST /api/deposit/depositions", 401, "does not accept the token in ZENODO_TOKEN"),
    ("PUT /api/deposit/depositions/7", 400, "Validation error. metadata.title: Bad."),
    (r"PUT /api/files/b7/.*\.zip", 413, "-1.0.0.zip is too large (413)"),
    ("PUT /api/files/b7/README.md", BROKEN, "broke the connection"),
    ("PUT /api/files/b7/README.md", WRONG, "received README.md with another checksum"),
    ("PUT /api/files/b7/README.md", 429, "try again in 30 seconds"),
    ("PUT /api/files/b7/README.md", 302, "refuses README.md (302)"),
]


@pytest.mark.parametrize(("where", "fault", "said"), FAILURES)
def test_a_failure_is_a_sentence_and_leaves_nothing(
    built: Path, services: Services, where: str, fault: Any, said: str
) -> None:
    services.faults[where] = fault
    done = push(built, "--publish-now")
    assert done.exit_code == 1
    assert isinstance(failure(done), PushFailed)
    assert said in done.output
    assert "Nothing was published." in done.output
    assert TOKEN not in done.output
    assert services.published == set()
    assert services.drafts == set()


@pytest.mark.parametrize("fault", [400, BROKEN])
def test_complete_draft_that_cannot_be_published_is_kept(built: Path, services: Services, fault: Any) -> None:
    services.faults[".*/actions/publish"] = fault
    done = push(built, "--publish-now")
    assert "The complete draft is at https://zenodo.example/deposit/7; publish it there." in done.output
    assert len(services.drafts) == 1


def test_draft_that_cannot_be_deleted_is_named(built: Path, services: Services) -> None:
    services.faults = {"PUT .*/README.md": 500, "DELETE .*": 500}
    done = push(built)
    assert f"draft could not be deleted: {services.address}/api/deposit/depositions/7. Nothing was" in done.output


def test_no_token_goes_to_an_address_without_tls(
    built: Path, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = dataset_push._Client(TOKEN)
    monkeypatch.delenv("ZENODO_URL")
    with pytest.raises(PushFailed, match="not safe for a token"):
        client.send("GET", f"{services.address}/api/deposit/depositions")
    assert services.requests == []


def test_dataset_that_was_changed_is_refused(built: Path, services: Services, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(built, tmp_path / "d"))
    (copy / "README.md").write_text("other")
    done = push(copy)
    assert isinstance(failure(done), PushRefused)
    assert "--check finds problems: README.md was changed" in done.output
    assert services.requests == []


def test_dataset_without_creators_and_licence_is_refused(tmp_path: Path, services: Services) -> None:
    archive = make(tmp_path / "archive" / "archive.db", [replace(POSTS[4], rights=())])
    assert publish(archive, str(tmp_path / "d"), "--version", "1.0.0").exit_code == 0
    done = push(tmp_path / "d", "--dry-run")
    assert "it has no creators and no licence; give them in [dataset] of --rules" in done.output
    assert services.requests == []


def test_licences_of_records_are_not_called_open(tmp_path: Path, services: Services) -> None:
    archive = make(tmp_path / "archive" / "archive.db", POSTS)
    (tmp_path / "rules.toml").write_text('[dataset]\ncreators = [{ name = "The Lab" }]\n')
    words = ("--version", "1.0.0", "--rules", str(tmp_path / "rules.toml"))
    assert publish(archive, str(tmp_path / "d"), *words).exit_code == 0
    shown = json.loads(push(tmp_path / "d", "--dry-run", "--json").output)["metadata"]
    assert shown["license"] == "other-closed"
    assert "none known" in shown["notes"]


def test_dataset_that_is_too_large_is_refused(built: Path, services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dataset_push, "MOST_BYTES", 100)
    done = push(built, "--dry-run")
    assert isinstance(failure(done), PushRefused)
    assert "0.0 GB, and Zenodo takes 0 GB" in done.output


def test_missing_token_is_named(built: Path, services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ZENODO_TOKEN")
    assert "the environment variable ZENODO_TOKEN has no access token" in push(built).output
    assert services.requests == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--push", "hf:harbour/news", "{}"], "hf upload OWNER/NAME DIR . --repo-type dataset"),
        (["--push", "osf", "{}"], "a project on https://osf.io"),
        (["--push", "dryad", "{}"], "'dryad' is no place to push to; use zenodo"),
        (["--push", "zenodo"], "Give the folder DIR"),
        (["--push", "zenodo", "{}", "--version", "1.0.0"], "--push cannot be combined with --version"),
        (["{}", "--dry-run"], "--dry-run needs --push"),
    ],
)
def test_wrong_usage_is_refused(built: Path, services: Services, words: list[str], said: str) -> None:
    done = Runner().invoke(cli, ["publish", *(word.format(built) for word in words)])
    assert done.exit_code != 0
    assert said in done.output
    assert services.requests == []


def test_json_has_the_address_of_the_draft(built: Path, services: Services) -> None:
    shown = json.loads(push(built, "--json").stdout)
    assert (shown["sent"], shown["draft"], shown["url"]) == (True, True, "https://zenodo.example/deposit/7")
    assert shown["files"]["README.md"] == len(contents(built)["README.md"])
