"""The options and commands that the last version had, and what to use instead. A row stays for one version."""

from __future__ import annotations

FORMER: dict[str, str] = {
    "backup --keep": "There is one backup at FILE. Name another FILE for each backup that you want to keep.",
    "vacuum": "'sqlite3 ARCHIVE vacuum' compacts an archive while no crawl is running.",
    "verify --part": "'archiver verify' checks everything; 'archiver schedule' runs it every check_days days.",
    "verify --reread": "'archiver reextract --dry-run' shows what today's extraction would change.",
    "publish --ngrams": "Count n-grams from the column body of the texts that are published in full.",
    "publish --push": "Upload the files of DIR with the page or the own program of the repository (docs/datasets.md).",
    "publish --publish-now": "Upload the files of DIR with the page or the own program of the repository.",
    "publish --dry-run": "'archiver publish --check DIR' checks a dataset before it is uploaded.",
    "publish --wacz": "'archiver export QUERY -o FILE.wacz' writes the captures into a package next to the dataset.",
    "export --title": "The title of a WACZ file is the name of the file.",
    "search --concordance": "Snippets show words in context; 'archiver export QUERY -f jsonl' writes the whole texts.",
    "search --width": "Snippets show words in context; 'archiver export QUERY -f jsonl' writes the whole texts.",
    "search --shards": "'archiver merge' and 'archiver fleet collect' make one archive of several, to search together.",
    "search --trend": "In 'archiver search TERM --all --histogram year --csv', the share is articles / archived.",
    "search --by": "The period of a histogram is written --histogram month.",
    "searches": "'archiver search --saved' lists saved searches, --new NAME shows new results, and --forget NAME "
    "deletes one.",
    "clusters": "'archiver show ID' lists near-duplicates, 'archiver search --fold cluster' folds them, and 'archiver "
    "index --clusters' compares all articles again.",
    "feed": "'archiver export QUERY -o FILE.xml' writes a feed.",
    "open": "'archiver serve --open' opens the archive in a browser.",
    "doctor": "'archiver verify --quick' checks the archive, and each command names what it misses on this machine.",
    "completion": "'_ARCHIVER_COMPLETE=bash_source archiver' prints the script for bash; zsh_source and fish_source "
    "print those for other shells.",
    "init --yes": "It asks no questions.",
    "init --crawl": "'archiver crawl' crawls the sites.",
    "init --no-crawl": "It crawls nothing.",
    "init --no-check": "It checks no sites; 'archiver sites check' does.",
    "init --cadence": "Write the cadence into archiver.toml.",
    "init --run": "'archiver schedule --print systemd', cron or docker prints the file that starts crawls.",
    "export --wacz": "'archiver export QUERY -o FILE.wacz' writes captures.",
    "diff --html": "'archiver serve' shows the comparison as a page.",
    "diff --titles": "'archiver search changed:title' finds changed headlines.",
    "diff --each": "Compare the articles one by one.",
    "sites move --merge": "'archiver sites remove NEW --with-articles' removes the other site and keeps its WARC "
    "files, which 'archiver import' reads after the move.",
    "extract --json": "'archiver extract' prints JSON, unless -f names another format.",
    "extract --text": "-f text prints the text.",
    "cite --json": "--style csl-json prints JSON.",
    "extract --save-case": "Keep the page and what 'archiver extract' prints; 'diff' shows what has changed later.",
    "crawl --log-format": 'The format is set in archiver.toml: [log] format = "json".',
    "schedule --log-format": 'The format is set in archiver.toml: [log] format = "json".',
    "status --sort": "The worst sites come first; 'archiver status --csv' prints the table for other orders.",
    "status --only": "The worst sites come first; 'archiver status --health' lists problems only.",
    "fleet collect --apart": "Each shard is an archive in the storage: copy the folder shards/ of it.",
    "publish --partition": "The articles are in one file for each split, and in a further one every 500 MB. Select "
    "years or sites by the columns published and site.",
    "publish --sort": "A dataset has one order.",
    "publish --offset": "A dataset contains all results.",
    "search --stem": "The beginning of a word finds its other forms: 'report*'.",
    "export --stem": "The beginning of a word finds its other forms: 'report*'.",
    "publish --stem": "The beginning of a word finds its other forms: 'report*'.",
    "search --recent": "'--sort -date' puts the newest first, and --since leaves out what is older.",
    "fleet import": "'archiver import FILE... --workers N' imports into an archive on one machine.",
    "fleet reextract": "'archiver fleet collect' makes one archive of the shards, for 'archiver reextract'.",
    "search --plot": "'archiver serve' draws a histogram; --histogram with --csv or --json prints its numbers.",
    "schedule --systemd": "'archiver schedule --print systemd > archiver.service' prints the unit.",
    "schedule --cron": "'archiver schedule --print cron' prints the crontab.",
    "schedule --docker": "'archiver schedule --print docker > compose.yaml' prints the compose file.",
    "schedule --monitoring": "'archiver schedule --print alerts > archiver.rules.yml' prints the alert rules.",
    "schedule --output": "'archiver schedule --print systemd > FILE' writes a file.",
    "schedule -o": "'archiver schedule --print systemd > FILE' writes a file.",
} | {
    f"{command} --jsonl": "--json prints an array, and 'archiver export -f jsonl' writes articles, one a line."
    for command in ("search", "show", "status", "sites", "sites list", "schedule", "runs", "runs list", "runs show")
}
"""Maps a command, a subcommand, or a command with an option to a sentence that names the new way."""


def advise_on_former(command: str, word: str) -> str:
    """Returns a sentence for an option or subcommand that `command` had in the last version; "" if it had none such."""
    advice = FORMER.get(f"{command} {word.partition('=')[0]}")
    return f"'archiver {command}' has no {word.partition('=')[0]} any more. {advice}" if advice else ""
