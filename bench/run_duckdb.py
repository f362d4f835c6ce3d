"""Search the texts of an archive with DuckDB's full-text extension. Runs in its own environment, without our modules.

    python run_duckdb.py ARTICLES.jsonl QUERIES.json     {name: [[words, is a phrase], ...]}

Prints JSON: the seconds to build the index, and the wall and CPU milliseconds of each query by class. The extension
does not support phrases: both words are searched for anywhere.
"""

import json
import sys
import time
from pathlib import Path

import duckdb
import duckdb_extension_fts


def main() -> None:
    articles, queries = sys.argv[1:]
    db = duckdb.connect(str(Path(articles).with_suffix(".duckdb")))
    db.execute(f"load '{next(Path(duckdb_extension_fts.__file__).parent.rglob('fts.duckdb_extension'))}'")
    columns = "{id: 'int', title: 'varchar', body: 'varchar'}"
    db.execute(f"create table articles as select * from read_ndjson('{articles}', columns={columns})")
    began = time.perf_counter()
    db.execute("pragma create_fts_index('articles', 'id', 'title', 'body', stemmer='none', stopwords='none')")
    out = {"index_s": time.perf_counter() - began, "classes": {}}
    for name, asked in json.loads(Path(queries).read_text(encoding="utf-8")).items():
        rows = []
        for words, _ in asked:
            began, worked = time.perf_counter(), time.process_time()
            db.execute(
                "select id, title, substr(body, 1, 240), score from (select *, fts_main_articles.match_bm25("
                "id, ?, conjunctive := 1) as score from articles) where score is not null "
                "order by score desc limit 20",
                [words],
            ).fetchall()
            rows.append(((time.perf_counter() - began) * 1000, (time.process_time() - worked) * 1000))
        out["classes"][name] = rows
    print(json.dumps(out))


if __name__ == "__main__":
    main()
