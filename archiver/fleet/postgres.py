"""The fleet's PostgreSQL database: its tables, its connections, and database errors converted to messages."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from archiver import __version__
from archiver.model.errors import (
    BadQueueAddress,
    ClockSkew,
    ExtraMissing,
    FleetNotFound,
    ForeignTables,
    QueuePermissionDenied,
    QueueUnavailable,
    QueueVersionMismatch,
    WorkersActive,
)

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg_pool import ConnectionPool

# The fleet's tables, in the same database as the tables of Procrastinate.

LAYOUT = 2
"""The version of the fleet's tables. A program with another value cannot use them."""

TABLES = """
create table fleet (
    id int primary key check (id = 1),
    fleet_id uuid not null,
    layout int not null,
    version text not null,
    storage text not null,
    lease_seconds double precision not null,
    checkpoint_seconds double precision not null,
    draining text not null default '',
    made_at timestamptz not null default now()
);
create table fleet_hosts (
    host text primary key,
    lease_until timestamptz not null default 'epoch',
    site text,
    token bigint,
    worker text,
    quiet_until timestamptz
);
create table fleet_sites (
    name text primary key,
    host text not null references fleet_hosts,
    start_url text not null,
    settings jsonb not null,
    due_at timestamptz not null default now(),
    period_seconds double precision not null default 43200,
    why text not null default 'never crawled',
    token bigint not null default 0,
    manifest text,
    outcome text,
    reason text,
    failures int not null default 0,
    articles bigint not null default 0,
    bytes bigint not null default 0,
    active boolean not null default true
);
create index fleet_sites_due on fleet_sites (due_at) where active;
create index fleet_sites_host on fleet_sites (host);
create table fleet_runs (
    site text not null references fleet_sites on delete cascade,
    token bigint not null,
    worker text not null,
    due_at timestamptz not null,
    began_at timestamptz not null default now(),
    ended_at timestamptz,
    outcome text,
    reason text,
    checkpoints int not null default 0,
    requests bigint not null default 0,
    fetched bigint not null default 0,
    new bigint not null default 0,
    bytes bigint not null default 0,
    primary key (site, token)
);
create index fleet_runs_ended on fleet_runs (ended_at);
create table fleet_workers (
    name text primary key,
    version text not null,
    slots int not null,
    running int not null default 0,
    began_at timestamptz not null default now(),
    seen_at timestamptz not null default now(),
    ended_at timestamptz
);
"""
"""The SQL that creates the fleet's tables.

- `fleet_hosts.lease_until`: when the lease of `worker` on the host ends, by PostgreSQL's clock. The lease is for `site`
  with `token`.
- `fleet_sites.token`: the fencing token, which grows by one with each run. A commit is accepted only with this token.
- `fleet_sites.manifest`: the key of the shard's current state.
- `fleet.draining`: '', 'drain' (running jobs are finished) or 'now' (running jobs are interrupted).
"""


_SECONDS = 10
_IDLE = 5.0
"""A transaction may be idle between two statements for at most this many seconds. A process that is suspended in a
transaction would otherwise block its rows for all other workers.
"""
_CLOCK = 60.0
"""The clocks of this machine and of PostgreSQL may differ by at most this many seconds. This limit does not protect
leases, which use only PostgreSQL's clock and monotonic clocks.
"""
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Fleet:
    """The settings of a fleet.

    - `storage`: the URL of the shard storage.
    - `lease`: if a worker sends no heartbeat for this many seconds, its hosts become free.
    - `every`: the minimum number of seconds between two checkpoints of a crawl.
    - `draining`: "", "drain" (running jobs are finished) or "now" (running jobs are interrupted).
    """

    fleet_id: str
    storage: str
    lease: float
    every: float
    draining: str


class QueueDatabase:
    """A pool of connections to the fleet's PostgreSQL database, whose address is `jobs`. Each method call is one
    transaction. Raises QueueUnavailable, QueuePermissionDenied and ForeignTables.
    """

    def __init__(self, jobs: str, size: int = 4) -> None:
        self.jobs = jobs
        self.where = public_address(jobs)
        self._pool: ConnectionPool[Connection[Row]] = _pool(jobs, size)
        try:
            import psycopg

            # Connect once without the pool, which would retry for long and hide the reason.
            psycopg.connect(jobs, connect_timeout=_SECONDS).close()
        except psycopg.Error as error:
            raise QueueUnavailable(self.where, postgres_message(error)) from error
        self._pool.open()

    def close(self) -> None:
        self._pool.close()

    @contextmanager
    def transaction(self) -> Iterator[Connection[Row]]:
        import psycopg

        try:
            with self._pool.connection(timeout=_SECONDS) as conn:
                yield conn
        except (psycopg.OperationalError, psycopg.errors.IdleInTransactionSessionTimeout) as error:
            raise QueueUnavailable(self.where, postgres_message(error)) from error
        except psycopg.errors.InsufficientPrivilege as error:
            raise QueuePermissionDenied(self.where, postgres_message(error)) from error
        except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn, psycopg.errors.DuplicateTable) as error:
            raise ForeignTables(self.where, postgres_message(error)) from error

    def all(self, query: str, values: Sequence[Any] = ()) -> list[Row]:
        with self.transaction() as conn:
            return conn.execute(query, values).fetchall()

    def one(self, query: str, values: Sequence[Any] = ()) -> Row | None:
        with self.transaction() as conn:
            return conn.execute(query, values).fetchone()

    def do(self, query: str, values: Sequence[Any] = ()) -> int:
        """Executes a statement; returns the number of affected rows."""
        with self.transaction() as conn:
            return conn.execute(query, values).rowcount

    def exists(self) -> bool:
        found = self.one("select to_regclass('fleet') is not null as found")
        return bool(found and found["found"])

    def fleet(self, same: Literal["version", "layout", "nothing"] = "version") -> Fleet:
        """Returns the fleet's settings. Raises FleetNotFound; and QueueVersionMismatch if the fleet does not match this
        program. `same` says what must match:

        - "version": the version of the program.
        - "layout": only the layout of the tables, which is enough to read them.
        - "nothing": enough to drain the fleet.
        """
        if not self.exists():
            raise FleetNotFound(self.where)
        row = self.one("select * from fleet")
        if row is None:
            raise FleetNotFound(self.where)
        if (same != "nothing" and row["layout"] != LAYOUT) or (same == "version" and row["version"] != __version__):
            raise QueueVersionMismatch(self.where, row["version"], __version__)
        return Fleet(
            str(row["fleet_id"]), row["storage"], row["lease_seconds"], row["checkpoint_seconds"], row["draining"]
        )

    def make(self, storage: str, lease: float | None, every: float | None) -> Fleet:
        """Creates the fleet's tables, or, if they exist, upgrades the fleet to this version and ends draining. `lease`
        and `every` are the settings of `Fleet`; None means the default or, if the fleet exists, the present value.

        Raises WorkersActive if workers of the old version are running, and QueueVersionMismatch if the tables have
        another layout.
        """
        if not self.exists():
            with self.transaction() as conn:
                conn.execute(TABLES)
                conn.execute(
                    "insert into fleet values (1, %s, %s, %s, %s, %s, %s)",
                    [uuid.uuid4(), LAYOUT, __version__, storage, lease or 30.0, every or 300.0],
                )
            return self.fleet()
        row = self.one("select layout, version from fleet")
        if row and row["layout"] != LAYOUT:
            raise QueueVersionMismatch(self.where, row["version"], __version__)
        if row and row["version"] != __version__ and (alive := self.workers_alive()):
            raise WorkersActive(self.where, ", ".join(alive[:3]))
        self.do(
            "update fleet set version = %s, draining = '', lease_seconds = coalesce(%s, lease_seconds), "
            "checkpoint_seconds = coalesce(%s, checkpoint_seconds)",
            [__version__, lease, every],
        )
        return self.fleet()

    def workers_alive(self) -> list[str]:
        """Returns the names of the workers that have sent a heartbeat within the length of a lease."""
        return [
            row["name"]
            for row in self.all(
                "select name from fleet_workers, fleet where ended_at is null and "
                "seen_at > now() - make_interval(secs => lease_seconds) order by name"
            )
        ]

    def check_clock(self, now: datetime) -> None:
        """Raises ClockSkew if `now`, the time of this machine, differs by more than a minute from the time of
        PostgreSQL.
        """
        row = self.one("select now() as now")
        assert row is not None
        ahead = (now - row["now"]).total_seconds()
        if abs(ahead) > _CLOCK:
            raise ClockSkew(ahead)


def public_address(jobs: str) -> str:
    """Returns the address of a queue database as host:port/name, without user and password. Raises BadQueueAddress."""
    try:
        from psycopg import ProgrammingError
        from psycopg.conninfo import conninfo_to_dict
    except ImportError as error:
        raise ExtraMissing("A fleet", "fleet") from error
    if not jobs:
        raise BadQueueAddress("it is empty")
    try:
        parts = conninfo_to_dict(jobs)
    except ProgrammingError as error:
        # libpq's message quotes the part that it cannot parse, and that part may be the password.
        raise BadQueueAddress("it is neither a URL nor a list of KEY=VALUE") from error
    host, port, name = (
        str(parts.get(key, default)) for key, default in (("host", "localhost"), ("port", "5432"), ("dbname", ""))
    )
    # An unescaped character in the password moves the rest of it into these parts, which are shown.
    if "@" in host + name or "=" in name or ("/" in name) or not port.replace(",", "").isdecimal():
        raise BadQueueAddress(
            "the user or the password contains a special character; write @ as %40, / as %2F, % as %25"
        )
    return f"{host}:{port}/{name}"


def _pool(jobs: str, size: int) -> ConnectionPool[Connection[Row]]:
    from psycopg.rows import dict_row
    from psycopg_pool import ConnectionPool

    return ConnectionPool(
        jobs,
        min_size=1,
        max_size=size,
        open=False,
        timeout=_SECONDS,
        check=ConnectionPool.check_connection,
        configure=_configure,
        kwargs={"row_factory": dict_row, "connect_timeout": _SECONDS},
    )


def _configure(conn: Connection[Row]) -> None:
    conn.execute("select set_config('idle_in_transaction_session_timeout', %s, false)", [f"{_IDLE * 1000:.0f}ms"])
    conn.commit()


def postgres_message(error: BaseException) -> str:
    """Returns the first line of an error of PostgreSQL or the network, without the host and the word FATAL."""
    line = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return line.rpartition("failed: ")[2].rpartition("FATAL:")[2].strip().rstrip(".?")
