"""The fleet's tables in PostgreSQL, beside those of Procrastinate."""

from __future__ import annotations

LAYOUT = 2
"""Of these tables; another one is another version of the program."""

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
create table fleet_tasks (
    id bigint primary key generated always as identity,
    kind text not null check (kind in ('reextract', 'scan', 'import')),
    site text references fleet_sites on delete cascade check ((site is null) = (kind = 'scan')),
    file text not null default '',
    options jsonb not null default '{}',
    entered_at timestamptz not null default now(),
    due_at timestamptz not null default now(),
    ended_at timestamptz,
    outcome text,
    reason text,
    failures int not null default 0,
    result jsonb
);
create unique index fleet_tasks_same on fleet_tasks (kind, coalesce(site, ''), file, options);
create index fleet_tasks_due on fleet_tasks (due_at) where ended_at is null;
create table fleet_runs (
    site text not null references fleet_sites on delete cascade,
    token bigint not null,
    task bigint references fleet_tasks on delete set null,
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
"""`fleet_hosts.lease_until`: until then (by PostgreSQL's clock) the host is one worker's, for `site` with `token`.
`fleet_sites.token` grows by one with each run, and is what a write to the storage must have; `manifest` is the key of
the shard's current state. `fleet.draining` is '', 'drain' (what runs is finished) or 'now' (it is interrupted).
`fleet_tasks` has what is to be done once: to re-extract a shard, to scan a WARC file for the sites that it has captures
of, to import those of one site. `ended_at` is set when it is finished, or has failed too often; `fleet_runs.task` is
the task of a run, null for a crawl."""
