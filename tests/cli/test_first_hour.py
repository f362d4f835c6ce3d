"""The mistakes of the first hour: each has the right exit code, one sentence that names the mistake and the way out,
and changes nothing.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from archiver.cli.main import cli
from archiver.search.search_index import refresh_archive
from tests.archive_fixture import make_archive
from tests.processes import run, without_proxies
from tests.runner import Runner, fault
from tests.spiders.crawling import rows
from tests.spiders.site_server import Answer, home, page, serving

MISTAKES: tuple[tuple[str, int, str], ...] = (
    # commands
    ("serach tide", 2, "There is no command 'serach'. Did you mean 'search'?"),
    ("find tide", 2, "There is no command 'find'. Did you mean 'archiver search'?"),
    ("ls", 2, "Did you mean 'archiver sites list'?"),
    ("help", 2, "Did you mean 'archiver --help'?"),
    ("rm 3", 2, "Did you mean 'archiver remove'?"),
    ("sites lst", 2, "'list'"),
    ("--archive archive.db search tide", 2, "The options of a command follow it: 'archiver search --archive'"),
    ("--json status", 2, "'archiver status --json'"),
    ("-V", 2, "Did you mean '--version'?"),
    ("--verison", 2, "Did you mean '--version'?"),
    ("https://harbour.example/", 2, "Write 'archiver crawl URL' for a site, or 'archiver add URL' for one page."),
    ("www.harbour.example", 2, "Write 'archiver crawl URL' for a site"),
    ("wget https://harbour.example/", 2, "Did you mean 'archiver add'?"),
    ("config delay=2", 2, "Did you mean 'archiver sites set'?"),
    # options
    ("search tide -O x.csv", 2, "'archiver export QUERY -o FILE'"),
    ("crawl -q", 2, "No such option '-q'. Did you mean '--quiet'?"),
    ("crawl --wait 1 https://harbour.example/", 2, "Did you mean '--delay'?"),
    ("add --input-file urls.txt", 2, "Did you mean '--from'?"),
    ("export --output-document x.csv", 2, "Did you mean '--output'?"),
    ("export -O x.csv", 2, "Did you mean --output?"),
    ("cite 1 -f ris", 2, "Did you mean '--style'?"),
    ("cite 1 --format ris", 2, "Did you mean '--style'?"),
    ("search tide -n 3", 2, "No such option '-n'. Did you mean --limit?"),
    ("search tide -o x.json", 2, "'archiver export QUERY -o FILE'"),
    ("search -x tide", 2, "write NOT x, or put the words after --"),
    ("export tide -q", 2, "No such option '-q'"),
    ("search tide --catgory Harbour", 2, "'--category'"),
    ("search tide --limit -1", 2, "'--limit': -1 is too small: the least is 0"),
    ("search tide --limit many", 2, "'--limit': 'many' is not a whole number"),
    ("search --since yesterday", 2, "'--since': 'yesterday' is not a date: use 2024"),
    ("search --since 2024 --until 2023", 2, "The period '2024 to 2023' is invalid: the end is before the start"),
    ("search --near 148,2", 2, "The point '148,2' is invalid: the latitude must be -90 to 90"),
    ("search --bbox 1,2,3", 2, "The box '1,2,3' is invalid: use W,S,E,N in degrees"),
    ("search --within 5", 2, "The distance '5 km' is invalid: it needs --near LAT,LON"),
    ("search --within 0 --near 1,2", 2, "The distance '0 km' is invalid: the distance must be greater than 0"),
    ("search tide --sort dat", 2, "The sort order 'dat' is invalid: the sort keys are relevance, date"),
    ("search tide --plot x.svg", 2, "has no --plot any more"),
    ("vacuum", 2, "sqlite3 ARCHIVE vacuum"),
    ("search tide --shards .", 2, "'archiver merge' and 'archiver fleet collect'"),
    ("search tide --save a/b", 2, "cannot be saved as 'a/b'"),
    ("status --only red", 2, "'archiver status --health' lists problems only"),
    ("diff 1 x", 2, "'x' is not a whole number"),
    ("search tide --save ''", 2, "cannot be saved as ''"),
    ("search tide --json --csv", 2, "Use only one of --json, --csv"),
    ("sites --json --csv", 2, "Use only one of --json, --csv"),
    ("search --histogram week tide", 2, "'week' is not one of 'year', 'month', 'day'"),
    ("search tide --lmit 3", 2, "No such option '--lmit'. Did you mean '--limit'?"),
    # queries
    ("search auther:Ada", 1, "archiver search author:Ada"),
    ("search lighthuse", 1, "archiver search lighthouse"),
    ("search zebra", 1, "No article contains 'zebra'"),
    ("search M\u00fcllerstra\u00dfe", 1, "No article contains 'M\u00fcllerstra\u00dfe'"),
    ("search \u043c\u0451\u0434", 1, "No article contains '\u043c\u0451\u0434'"),
    ("search lamp zebra", 1, "archiver search lamp"),
    ("search --category Habour", 1, "No article has the category 'Habour'; did you mean 'Harbour'?"),
    ("search --category Cookery", 1, "The categories are Harbour"),
    ("search --author 'Ada Breg'", 1, "did you mean 'Ada Berg'?"),
    ("search tag:tidse", 1, "archiver search tag:tides"),
    ("search --site https://nowhere.example/2024/a-post", 1, "has no site 'https://nowhere.example/2024/a-post'"),
    ("search site:nowhere.example", 1, "There is no site 'nowhere.example'"),
    ("search --site harbor.example", 1, "did you mean 'harbour.example'?"),
    ("search --language english", 1, "The languages are en"),
    ("search fog --since 2030", 1, "archiver search fog"),
    ("search '\"tide tabels'", 1, "The quotation mark is not closed"),
    ("search '(zebra OR'", 1, "The parenthesis is not closed"),
    ("search is:gonne", 2, "did you mean 'gone'"),
    ("search changed:titel", 2, "did you mean 'title'"),
    ("search date:2023-13", 2, "at character 1, date:2023-13: use 2024"),
    ("search '*'", 2, "it contains no word to search for"),
    ("search --like 99", 1, "The archive has no article '99'"),
    ("search --new floods", 1, "There is no saved search 'floods'"),
    ("search tide --new floods", 2, "--new takes no query"),
    ("searches run floods", 2, "'archiver search --saved' lists saved searches"),
    ("clusters", 2, "'archiver show ID' lists near-duplicates"),
    ("feed -o x.xml", 2, "'archiver export QUERY -o FILE.xml' writes a feed"),
    ("export --wacz x.wacz", 2, "'archiver export QUERY -o FILE.wacz' writes captures"),
    ("diff 1 --html x.html", 2, "'archiver serve' shows the comparison as a page"),
    ("init --yes", 2, "It asks no questions."),
    # articles
    ("show", 2, "Missing argument 'ID|URL...'"),
    ("show 99", 1, "The archive has no article '99'"),
    ("show '#1'", 1, "has no article '#1': write an ID as a number only: 1."),
    ("show 1,2", 1, "write numbers with spaces between them: 1 2."),
    ("show fog", 1, "'archiver search fog' finds articles by their words."),
    ("show 1 2 --revision 1", 2, "--revision needs exactly one article"),
    ("show https://harbour.example/2024/04/fogg", 1, "did you mean 'https://harbour.example/2024/04/fog'?"),
    ("show 1 --revision 9", 1, "it has revisions 1 to 2"),
    ("show 2 --revision 5", 1, "it has only revision 1"),
    ("remove --allow 1", 1, "No article '1' was removed"),
    ("withdraw zebra --reason asked --dry-run", 1, "No article matches 'zebra'"),
    ("cite --query auther:Ada", 1, "archiver search author:Ada"),
    ("export auther:Ada -o x.csv", 1, "archiver search author:Ada"),
    ("diff 99", 1, "The archive has no article '99'"),
    ("why nope", 2, "'nope' has no domain"),
    ("why 99", 1, "The archive has no article '99'"),
    ("why https://harbour.example/none", 1, "No crawl has found https://harbour.example/none"),
    ("cite", 2, "Give IDs or URLs of articles, or --query"),
    ("verify 99", 1, "The archive has no article '99'"),
    ("remove 1", 2, "Give a reason with --reason"),
    ("remove 99 --reason asked --yes", 1, "The archive has no article '99'"),
    # files
    ("export -f csv -o x.json", 2, "x.json would be named .json, but contain csv"),
    ("export -o x.xlsx", 2, ".xlsx, which stands for no format"),
    ("export -o book/", 2, "book/ is a folder, which needs one of the formats markdown"),
    ("export -f wacz", 2, "must be written to a file. Name one with -o FILE"),
    ("export -o none/x.csv", 1, "none/x.csv"),
    ("export -f csv -o archive.db", 1, "archive.db cannot be written (it is an SQLite database"),
    ("import https://harbour.example/", 1, "it is a URL, not a file"),
    ("import nope.warc --since 2024-15", 2, "'2024-15' is not a date: use 2024, 2024-05 or 2024-05-31"),
    (
        "extract harbour.example/2024/04/fog",
        1,
        "if its URL begins with its scheme: https://harbour.example/2024/04/fog",
    ),
    ("import nope.warc", 1, "nope.warc cannot be read: there is no such file or folder"),
    ("extract nope.html", 1, "nope.html cannot be read: there is no such file"),
    ("restore nope.db", 1, "nope.db cannot be restored: there is no such file"),
    ("extract ''", 1, "give the URL of a page, or the name of a file"),
    ("backup disk/", 2, "disk/ is a folder. Name a file in it, such as disk/archive.db."),
    ("merge nope.db", 1, "nope.db cannot be read: there is no such file"),
    ("status --archive archiv.db", 1, "There is no archive at archiv.db; did you mean 'archive.db'?"),
    ("status --archive archive.db/x.db", 1, "archive.db is a file, not a folder"),
    ("status --archive .", 1, ". is not an archive of this program (it is a folder)"),
    # sites and crawls
    ("status harbor.example", 1, "did you mean 'harbour.example'?"),
    ("sites set harbour.example dealy=3", 2, "did you mean 'delay'?"),
    ("sites set harbour.example delay=fast", 2, "'fast' is not a number"),
    ("sites set harbour.example", 2, "Give the settings to change as KEY=VALUE"),
    ("sites tag harbour.example news", 2, "The tag comes first: 'archiver sites tag news harbour.example'."),
    ("sites add https://quay.example/2024/05/a-post", 2, "'archiver add https://quay.example/2024/05/a-post'"),
    ("sites add http://", 2, "write it like https://blog.example.org/"),
    ("sites remove harbour.example", 1, "add --with-articles to remove them too"),
    ("crawl htp://blog.example.org", 2, "only http and https can be crawled, not htp"),
    ("crawl example", 2, "'example' has no domain"),
    ("crawl --tag news", 2, "No site has the tag 'news'"),
    ("crawl https://harbour.example/2024/03/tides", 2, "looks like one post: 'archiver add"),
    ("crawl --limit 0", 2, "'--limit': 0 is too small: the least is 1"),
    ("crawl --full --missing", 2, "--full cannot be combined with --missing"),
    ("runs undo 99", 1, "There is no run 99"),
    ("runs show 99", 1, "There is no run 99"),
)

SENTENCE = re.compile(r"(?:Error: )?[A-Z'\".\w].*[.?!)]$")


def digest_of(folder: Path) -> dict[str, str]:
    """Return a digest of each file in a folder; for the archive, of the rows of its tables. The log and the index are
    left out, and so are the numbers that were given to rows.
    """
    found = {}
    for file in sorted(folder.rglob("*")):
        if file.suffix == ".db":
            with closing(sqlite3.connect(file)) as db:
                rows = [row for row in db.iterdump() if "sqlite_sequence" not in row]
            data = "\n".join(rows).encode()
        elif file.is_dir() or re.search(r"-search/|-(?:wal|shm)$|/\.archive\.db\.|/log/", str(file)):
            continue
        else:
            data = file.read_bytes()
        found[str(file.relative_to(folder))] = hashlib.sha256(data).hexdigest()
    return found


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = make_archive(tmp_path_factory.mktemp("indexed") / "archive.db")
    refresh_archive(file)
    return file.parent


@pytest.fixture
def folder(indexed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with an archive, which is the current folder of a command."""
    shutil.copytree(indexed, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ARCHIVER_ARCHIVE", "archive.db")
    before = digest_of(tmp_path)
    yield tmp_path
    assert digest_of(tmp_path) == before


def errors_of(stderr: str) -> list[str]:
    return [line for line in stderr.splitlines() if line and not line.startswith(("Usage: ", "Try", "  "))]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(("line", "code", "says"), MISTAKES, ids=[line for line, _, _ in MISTAKES])
def test_a_mistake_is_named_and_changes_nothing(line: str, code: int, says: str) -> None:
    result = Runner().invoke(cli, shlex.split(line))
    assert (result.exit_code, result.stdout) == (code, "")
    assert says in result.stderr
    assert [one for one in errors_of(result.stderr) if not SENTENCE.fullmatch(one)] == []


def test_there_are_sixty_mistakes() -> None:
    assert len({line for line, _, _ in MISTAKES}) >= 60


@pytest.mark.parametrize(
    ("address", "says"),
    [("{site}nope/", "the server answers 404"), ("http://127.0.0.1:1/", "the server refuses connections")],
)
def test_a_mistyped_address_leaves_nothing_behind(folder: Path, address: str, says: str) -> None:
    with serving({"/": home("/a-post/"), "/a-post/": page("A post")}) as site:
        done = run("archiver", "crawl", address.format(site=site.url), environment=without_proxies(), folder=folder)
    assert done.returncode == 1
    assert done.stderr.count(says) == 1
    assert "nothing was added to the archive" in done.stderr


def test_a_missing_file_of_a_variable_names_the_variable(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARCHIVER_CONFIG", "nope.toml")
    result = Runner().invoke(cli, ["sites", "show", "harbour.example"])
    assert "nope.toml cannot be read: No such file or directory (it is named by ARCHIVER_CONFIG)." in result.stderr


def test_curly_quotation_marks_in_the_settings_are_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARCHIVER_CONFIG", str(folder.parent / "curly.toml"))
    (folder.parent / "curly.toml").write_text("contact = \u201cme@example.org\u201d\n", encoding="utf-8")
    result = Runner().invoke(cli, ["sites", "show", "harbour.example"])
    assert 'line 1, column 11: invalid value: write straight quotation marks (") instead of \u201c.' in result.stderr


def test_a_first_crawl_without_an_archive_says_that_it_is_a_demonstration(tmp_path: Path) -> None:
    done = run("archiver", "crawl", environment=without_proxies(), folder=tmp_path)
    assert "so the demonstration blog is crawled, into output/demo.db." in done.stderr


def test_a_mistyped_address_makes_no_archive(tmp_path: Path) -> None:
    done = run(
        "archiver", "crawl", "http://127.0.0.1:1/", "--archive", str(tmp_path / "new.db"), environment=without_proxies()
    )
    assert done.returncode == 1
    assert [file.name for file in tmp_path.iterdir() if file.name != "log"] == []


def test_a_site_that_answered_once_stays(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    pages = {"/": home("/a-post/"), "/a-post/": page("A post")}
    with serving(pages) as site:
        words = ["archiver", "crawl", site.url, "--archive", str(archive)]
        assert run(*words, environment=without_proxies()).returncode == 0
    assert run(*words, environment=without_proxies()).returncode == 1
    with closing(sqlite3.connect(archive)) as db:
        assert db.execute("select count(*) from sites").fetchone() == (1,)


@pytest.mark.parametrize(("below", "meant"), [("output", "archive.db"), ("notes/old", "../../output/archive.db")])
def test_an_archive_of_another_folder_is_named(
    indexed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, below: str, meant: str
) -> None:
    shutil.copytree(indexed, tmp_path / "output")
    (tmp_path / below).mkdir(parents=True, exist_ok=True)
    monkeypatch.chdir(tmp_path / below)
    result = Runner().invoke(cli, ["status"])
    assert f"There is no archive at output/archive.db; did you mean '--archive {meant}'?" in result.stderr


def test_a_crawl_in_a_wrong_folder_makes_no_second_archive_in_silence(
    indexed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(indexed, tmp_path / "output")
    (tmp_path / "notes").mkdir()
    monkeypatch.chdir(tmp_path / "notes")
    result = Runner().invoke(cli, ["crawl"])
    assert (result.exit_code, list(Path().iterdir())) == (1, [])
    assert "did you mean '--archive ../output/archive.db'?" in result.stderr
    for command in ("crawl", "add"):
        done = subprocess.run(
            [sys.executable, "-m", "archiver", command, "http://127.0.0.1:1/"], capture_output=True, text=True
        )
        assert "There is one at ../output/archive.db already" in done.stderr


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    "words",
    [
        ["export", "-f", "CSV"],
        ["cite", "1", "--style", "RIS"],
        ["extract", "page.html", "--url", "https://harbour.example/a", "-f", "TEXT"],
    ],
)
def test_the_case_of_a_chosen_word_is_ignored(words: list[str], folder: Path) -> None:
    page_file = folder / "page.html"
    page_file.write_text("<title>A</title><article><h1>A title</h1><p>A text about the tide.</p></article>")
    as_typed, lower = (Runner().invoke(cli, [*words[:-1], last]) for last in (words[-1], words[-1].lower()))
    page_file.unlink()
    assert as_typed.exit_code in {0, 1}
    assert (as_typed.exit_code, as_typed.stdout) == (lower.exit_code, lower.stdout)
    assert as_typed.exception is None or isinstance(as_typed.exception, SystemExit)


def test_an_article_of_the_archive_is_no_new_site(tmp_path: Path) -> None:
    words = ["archiver", "crawl", "--archive", str(tmp_path / "a.db")]
    with serving({"/": home("/a-post/"), "/a-post/": page("A post")}) as site:
        assert run(*words, site.url, environment=without_proxies()).returncode == 0
        done = run(*words, f"{site.url}a-post/", environment=without_proxies())
    assert done.returncode == 2
    assert "crawls the site that the archive has it in" in done.stderr
    with closing(sqlite3.connect(tmp_path / "a.db")) as db:
        assert db.execute("select count(*) from sites").fetchone() == (1,)


def test_a_pipe_is_written_and_not_replaced(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    pipe = tmp_path_factory.mktemp("pipes") / "out.csv"
    os.mkfifo(pipe)
    with subprocess.Popen(["cat", str(pipe)], stdout=subprocess.PIPE, text=True) as reader:
        done = run("archiver", "export", "--archive", str(folder / "archive.db"), "-o", str(pipe))
        assert reader.communicate(timeout=30)[0].startswith("id,url,")
    assert (done.returncode, pipe.is_fifo()) == (0, True)


@pytest.mark.parametrize("words", [("export",), ("search", "tide"), ("sites", "--csv"), ("show", "1")])
def test_a_reader_that_has_gone_ends_a_command_like_other_tools(folder: Path, words: tuple[str, ...]) -> None:
    command = [sys.executable, "-m", "archiver", *words, "--archive", str(folder / "archive.db")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        assert (process.wait(timeout=60), process.stderr.read()) == (128 + signal.SIGPIPE, "")


INTERRUPTED_IMPORT = """
import os, signal, sys

class Interrupts:
    @staticmethod
    def find_spec(name, *rest):
        if name == "archiver.cli.main":
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupts)
signal.signal(signal.SIGINT, signal.default_int_handler)  # tests may be started by a process that ignores Ctrl-C
from archiver.__main__ import main
main()
"""


def test_an_interrupt_during_the_start_shows_no_traceback() -> None:
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED_IMPORT], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (-signal.SIGINT, "")


def test_a_site_is_found_by_the_url_of_its_post(folder: Path) -> None:
    found = Runner().invoke(cli, ["search", "--site", "https://harbour.example/2024/04/fog", "--json"])
    assert {one["site"] for one in json.loads(found.stdout)} == {"harbour.example"}
    assert folder.exists()


def test_a_setting_of_sites_at_the_top_of_the_settings_is_moved(folder: Path) -> None:
    (folder / "archiver.toml").write_text("delay = 2\n")
    result = Runner().invoke(cli, ["crawl", "harbour.example"])
    (folder / "archiver.toml").unlink()
    assert result.exit_code == 2
    assert "'delay' is a setting of sites: write it below the line [defaults]" in result.stderr


FEED = """<?xml version="1.0"?><rss version="2.0"><channel><title>News</title><link>{site}</link>
<item><title>A post</title><link>{site}2024/a-post/</link></item></channel></rss>"""


def test_the_posts_outside_a_folder_are_counted(tmp_path: Path) -> None:
    head = '<link rel="alternate" type="application/rss+xml" href="/news/rss.xml">'
    with serving({"/news/": home("/2024/a-post/", head=head), "/2024/a-post/": page("A post")}) as site:
        site.pages["/news/rss.xml"] = Answer(FEED.format(site=site.url).encode(), headers={"Content-Type": "text/xml"})
        words = ("archiver", "crawl", site.url + "news/", "--archive", str(tmp_path / "a.db"))
        done = run(*words, environment=without_proxies())
    assert f"1 page of {site.url.split('/')[2]} that" in done.stdout
    assert f"is outside it: 'archiver crawl {site.url}' crawls the whole host" in done.stdout


def test_a_listing_that_is_added_is_not_called_unchanged(tmp_path: Path) -> None:
    with serving({"/": home("/2024/a-post/", "/2024/b-post/"), "/2024/a-post/": page("A post")}) as site:
        words = ("archiver", "add", site.url, "--archive", str(tmp_path / "a.db"))
        done = run(*words, environment=without_proxies())
        name = site.url.split("/")[2]
    assert done.returncode == 1
    assert f"it is a page that lists posts, not a post: 'archiver crawl {name}' archives the posts" in done.stdout


def test_the_demonstration_never_shares_an_archive_with_a_site(tmp_path: Path) -> None:
    def crawl(*words: str) -> subprocess.CompletedProcess[str]:
        return run("archiver", "crawl", *words, environment=without_proxies(), folder=tmp_path)

    assert crawl().returncode == 0
    with serving({"/": home("/a-post/"), "/a-post/": page("A post")}) as site:
        assert crawl(site.url).returncode == 0
        assert crawl().returncode == 0
        assert crawl("--demo").returncode == 0
        assert crawl("--demo", "--archive", "output/archive.db").returncode == 2
    found = {
        file: {name for (name,) in rows(tmp_path / "output" / file, "select name from sites")}
        for file in ("archive.db", "demo.db")
    }
    assert found == {"archive.db": {site.url.removeprefix("http://").strip("/")}, "demo.db": {"127.0.0.1:28080"}}
    done = crawl("--archive", "new.db")
    assert (done.returncode, "archiver crawl URL" in done.stderr) == (2, True)
    assert not (tmp_path / "new.db").exists()


def test_the_demonstration_is_crawled_past_a_proxy(tmp_path: Path) -> None:
    environment = without_proxies() | {"http_proxy": "http://127.0.0.1:1/"}
    done = run("archiver", "crawl", "--demo", environment=environment, folder=tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("command", [["crawl"], ["sites", "add"], ["sites", "check"], ["add"]])
def test_a_file_is_no_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "urls.txt").write_text("http://127.0.0.1:1/\n")
    result = Runner().invoke(cli, [*command, "urls.txt", "--archive", "a.db"])
    assert fault(result) == "FileForAddress urls.txt"
    assert "--from urls.txt" in result.stderr
    assert [file.name for file in tmp_path.iterdir()] == ["urls.txt"]


def test_folders_above_the_archive_are_not_made(tmp_path: Path) -> None:
    with serving({"/": home("/a-post/"), "/a-post/": page("A post")}) as site:
        for words in (["crawl", site.url], ["sites", "add", site.url]):
            done = run("archiver", *words, "--archive", str(tmp_path / "unmounted/x/a.db"))
            assert done.returncode == 1
            assert f"the folder {tmp_path / 'unmounted'} does not exist" in done.stderr
        assert list(tmp_path.iterdir()) == []
        assert run("archiver", "crawl", site.url, "--archive", str(tmp_path / "x/a.db")).returncode == 0
