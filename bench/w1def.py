"""The one unit of work every contender runs, and what they share: definition, script, schema, seed, clock, report.

W1 = check the case exists and has the expected version, check the actor's role (a table row) and the guard, move the
state, append one history row (actor, time, event, from, to, ~300-byte JSON), cancel the case's open timers, create
0-2 new ones, enqueue one outbox row; all committed together.

Provenance: measured before the engine was written; taken over word for word, imports apart. These SQL texts are the
limit that `make bench` compares with: do not edit them.
"""
import json, os, statistics, sys, time
from datetime import datetime, timedelta, timezone

# event, from, to, role, guard, timers [(kind, days)]
T = [
    ("submit",   "draft",    "review",   "deputy", None,        [("deadline", 7)]),
    ("approve",  "review",   "filed",    "office", None,        [("deadline", 15)]),
    ("assign",   "filed",    "assigned", "gov",    None,        [("reminder", 5), ("deadline", 10)]),
    ("decline",  "assigned", "filed",    "unit",   "same_unit", [("deadline", 5)]),
    ("accept",   "assigned", "accepted", "unit",   "same_unit", [("reminder", 60), ("deadline", 90)]),
    ("handle",   "accepted", "handling", "unit",   "same_unit", [("reminder", 60), ("deadline", 90)]),
    ("extend",   "handling", "handling", "gov",    None,        [("reminder", 150), ("deadline", 180)]),
    ("reply",    "handling", "replied",  "unit",   "same_unit", [("reminder", 10), ("deadline", 15)]),
    ("survey",   "replied",  "surveyed", "office", None,        [("deadline", 10)]),
    ("reassign", "surveyed", "assigned", "office", "first_round", [("reminder", 5), ("deadline", 10)]),
    ("close",    "surveyed", "closed",   "office", None,        []),
]
STATES = ["draft", "review", "filed", "assigned", "accepted", "handling", "replied", "surveyed", "closed"]
BY = {(f, e): (t, r, g, tm) for e, f, t, r, g, tm in T}
N_CASES = 5440
N_UNITS = 60
TEXT = "关于在楼宇、商圈等人流密集地建设零工驿站的建议：住建、人社等部门协同办理，按时限答复代表，并由常委会办公室直接征求代表满意度。"


def path(i):
    p = ["submit", "approve", "assign"]
    if i % 5 == 0:
        p += ["decline", "assign"]
    p += ["accept", "handle"]
    if i % 3 == 0:
        p += ["extend"]
    p += ["reply", "survey"]
    if i % 10 == 3:
        p += ["reassign", "accept", "handle", "reply", "survey"]
    return p + ["close"]


def unit_of(i):
    return i % N_UNITS + 1


ROLE = {e: r for e, f, t, r, g, tm in T}


def actor_for(i, event):
    r = ROLE[event]
    return {"deputy": 2001 + i % 300, "office": 1 + i % 10, "gov": 11 + i % 10, "unit": 1000 + unit_of(i)}[r]


def payload(i, event):
    return {"doc_no": "咸人代建〔2024〕%d号" % i, "event": event, "opinion": TEXT, "round": 1,
            "satisfaction": "basic" if i % 10 == 3 else "yes"}


def script(n=N_CASES, first=1):
    """[(case_id, expected_version, event, actor, payload dict)] step-major: every case's step 1, then step 2 ..."""
    ps = [(i, path(i)) for i in range(first, first + n)]
    out = []
    for k in range(max(len(p) for _, p in ps)):
        for i, p in ps:
            if k < len(p):
                out.append((i, k, p[k], actor_for(i, p[k]), payload(i, p[k])))
    return out


def batches(items, size):
    """Cut a script into runs of at most size items, no case twice in one."""
    out, cur, seen = [], [], set()
    for it in items:
        if len(cur) == size or it[0] in seen:
            out.append(cur)
            cur, seen = [], set()
        cur.append(it)
        seen.add(it[0])
    return out + [cur]


def actors():
    a = [(1000 + u, "unit", u) for u in range(1, N_UNITS + 1)]
    a += [(j, "office", 0) for j in range(1, 11)] + [(j, "gov", 0) for j in range(11, 21)]
    return a + [(2001 + j, "deputy", 0) for j in range(300)]


def now():
    return datetime.now(timezone.utc)


DUE = {d: timedelta(days=d) for d in (5, 7, 10, 15, 60, 90, 150, 180)}

PG_SCHEMA = """
drop table if exists outbox, timer, history, cases, actor, definition cascade;
create table cases(id bigint primary key, title text not null, state text not null, version int not null default 0,
  unit_id int not null, deputy_id int not null, due_at timestamptz, updated_at timestamptz not null default now());
create index cases_worklist on cases(unit_id, due_at, id) where state <> 'closed';
create table actor(id bigint, role text, unit_id int not null, primary key(id, role));
create table definition(from_state text, event text, to_state text not null, role text not null, guard text,
  kinds text[] not null, days int[] not null, primary key(from_state, event));
create table history(case_id bigint not null, seq int not null, at timestamptz not null, actor_id bigint not null,
  event text not null, from_state text not null, to_state text not null, payload jsonb not null,
  primary key(case_id, seq));
create table timer(id bigint generated always as identity primary key, case_id bigint not null, kind text not null,
  due_at timestamptz not null, status smallint not null default 0);
create index timer_due on timer(due_at, id) where status = 0;
create index timer_case on timer(case_id) where status = 0;
create table outbox(id bigint generated always as identity primary key, case_id bigint not null, topic text not null,
  body jsonb not null, created_at timestamptz not null, sent_at timestamptz);
"""
PG_FUNC = """create or replace function w1(cid bigint, ver int, ev text, act bigint, t timestamptz, p jsonb) returns int
language plpgsql as $$
declare s text; u int; d definition; au int;
begin
  select state, unit_id into s, u from cases where id=cid and version=ver for update;
  if not found then return 0; end if;
  select * into d from definition where from_state=s and event=ev;
  if not found then return 0; end if;
  select unit_id into au from actor where id=act and role=d.role;
  if not found or (d.guard='same_unit' and au<>u) then return 0; end if;
  update cases set state=d.to_state, version=version+1, updated_at=t,
    due_at=t + make_interval(days => d.days[array_upper(d.days,1)]) where id=cid;
  update timer set status=2 where case_id=cid and status=0;
  insert into timer(case_id,kind,due_at) select cid, x.k, t + make_interval(days => x.d) from unnest(d.kinds,d.days) x(k,d);
  insert into history values(cid, ver+1, t, act, ev, s, d.to_state, p);
  insert into outbox(case_id,topic,body,created_at) values(cid, ev, jsonb_build_object('case', cid, 'to', d.to_state), t);
  return 1;
end $$"""
SQLITE_SCHEMA = """
create table cases(id integer primary key, title text not null, state text not null, version int not null default 0,
  unit_id int not null, deputy_id int not null, due_at text, updated_at text);
create index cases_worklist on cases(unit_id, due_at, id) where state <> 'closed';
create table actor(id int, role text, unit_id int not null, primary key(id, role)) without rowid;
create table history(case_id int not null, seq int not null, at text not null, actor_id int not null,
  event text not null, from_state text not null, to_state text not null, payload text not null,
  primary key(case_id, seq)) without rowid;
create table timer(id integer primary key, case_id int not null, kind text not null, due_at text not null,
  status int not null default 0);
create index timer_due on timer(due_at, id) where status = 0;
create index timer_case on timer(case_id) where status = 0;
create table outbox(id integer primary key, case_id int not null, topic text not null, body text not null,
  created_at text not null, sent_at text);
"""


def title(i):
    return "关于第%d项民生实事的建议" % i


BG = 1_000_000          # background cases: ids above this, closed, with history, so that the planner's statistics are real


def pg_seed(dsn, n=N_CASES):
    """A fresh copy of a seeded template database, made by file copy; every connection to the database is ended."""
    import psycopg
    from psycopg.conninfo import conninfo_to_dict, make_conninfo
    d = conninfo_to_dict(dsn)
    name, tpl = d["dbname"], d["dbname"] + "_tpl%d" % n
    with psycopg.connect(make_conninfo(dsn, dbname="postgres"), autocommit=True) as c:
        if not c.execute("select 1 from pg_database where datname=%s", (tpl,)).fetchone():
            c.execute("create database " + tpl)
            _pg_fill(make_conninfo(dsn, dbname=tpl), n)
        c.execute("drop database if exists %s with (force)" % name)
        c.execute("create database %s template %s strategy file_copy" % (name, tpl))
        c.execute("checkpoint")


def _pg_fill(dsn, n):
    import psycopg
    t = now() - timedelta(days=365)
    with psycopg.connect(dsn, autocommit=True) as c:
        c.execute(PG_SCHEMA)
        c.execute(PG_FUNC)
        with c.cursor() as k:
            with k.copy("copy cases(id,title,state,version,unit_id,deputy_id) from stdin") as cp:
                for i in range(1, n + 1):
                    cp.write_row((i, title(i), "draft", 0, unit_of(i), 2001 + i % 300))
                for i in range(1, n + 1):
                    cp.write_row((BG + i, title(i), "closed", len(path(i)), unit_of(i), 2001 + i % 300))
            with k.copy("copy actor from stdin") as cp:
                for a in actors():
                    cp.write_row(a)
            for e, f, to, r, g, tm in T:
                k.execute("insert into definition values(%s,%s,%s,%s,%s,%s,%s)",
                          (f, e, to, r, g, [x for x, _ in tm], [d for _, d in tm]))
            with k.copy("copy history from stdin") as cp:
                for i in range(1, n + 1):
                    for j, e in enumerate(path(i)):
                        cp.write_row((BG + i, j + 1, t, actor_for(i, e), e, "x", "y", json.dumps(payload(i, e), ensure_ascii=False)))
            with k.copy("copy timer(case_id,kind,due_at,status) from stdin") as cp:
                for i in range(1, n + 1):
                    for j in range(12):
                        cp.write_row((BG + i, "deadline", t + timedelta(minutes=i), 2))
            with k.copy("copy outbox(case_id,topic,body,created_at,sent_at) from stdin") as cp:
                for i in range(1, n + 1):
                    for j, e in enumerate(path(i)):
                        cp.write_row((BG + i, e, '{"case": %d}' % i, t, t))
            # open timers far in the future: as many as cases, on case ids no script touches
            with k.copy("copy timer(case_id,kind,due_at) from stdin") as cp:
                for i in range(1, n + 1):
                    cp.write_row((2 * BG + i, "deadline", t + timedelta(days=3650, minutes=i)))
        c.execute("vacuum analyze")


def pg_check(dsn, n, first=1):
    """Every contender must leave exactly this; a run that does not is not counted."""
    import psycopg
    want = sum(len(path(i)) for i in range(first, first + n))
    with psycopg.connect(dsn, autocommit=True) as c:
        got = c.execute("select (select count(*) from history where case_id<%s),(select count(*) from outbox where case_id<%s),"
                        "(select count(*) from cases where state='closed' and id<%s),"
                        "(select count(*) from timer where status=0 and case_id<%s)", (BG,) * 4).fetchone()
    assert got == (want, want, n, 0), (got, want, n)


def sqlite_seed(file, n=N_CASES, sync="FULL"):
    import sqlite3
    for s in ("", "-wal", "-shm"):
        if os.path.exists(file + s):
            os.unlink(file + s)
    c = sqlite3.connect(file, isolation_level=None)
    c.execute("pragma journal_mode=wal")
    c.executescript(SQLITE_SCHEMA)
    c.execute("begin")
    c.executemany("insert into cases(id,title,state,unit_id,deputy_id) values(?,?,'draft',?,?)",
                  [(i, title(i), unit_of(i), 2001 + i % 300) for i in range(1, n + 1)])
    c.executemany("insert into actor values(?,?,?)", actors())
    c.execute("commit")
    c.execute("analyze")
    c.execute("pragma wal_checkpoint(truncate)")
    c.close()


def sqlite_check(file, n):
    import sqlite3
    c = sqlite3.connect(file)
    want = sum(len(path(i)) for i in range(1, n + 1))
    got = c.execute("select (select count(*) from history),(select count(*) from outbox),"
                    "(select count(*) from cases where state='closed'),"
                    "(select count(*) from timer where status=0)").fetchone()
    c.close()
    assert got == (want, want, n, 0), (got, want, n)


# ---- running and reporting
class Refused(Exception):
    pass


def drive(w1, items, lat):
    pc = time.perf_counter_ns
    for it in items:
        t = pc()
        w1(*it)
        lat.append(pc() - t)


def q(xs, p):
    xs = sorted(xs)
    return xs[min(len(xs) - 1, int(len(xs) * p))]


class Report:
    def __init__(self, unit="W1/s"):
        self.rows, self.unit = {}, unit

    def add(self, name, count, wall, lat=None, **extra):
        d = self.rows.setdefault(name, [])
        d.append(dict(rate=count / wall, wall=wall, n=count, p50=q(lat, .5) / 1e3 if lat else None,
                      p99=q(lat, .99) / 1e3 if lat else None, **extra))
        print("  . %-34s %9.1f/s  n=%d" % (name, count / wall, count), file=sys.stderr, flush=True)

    def show(self, base=None):
        med = statistics.median
        print("| variant | runs | n | %s median | min..max | p50 us | p99 us | vs base | other |" % self.unit)
        print("|---|---|---|---|---|---|---|---|---|")
        for k, v in self.rows.items():
            r = [x["rate"] for x in v]
            ratio = ""
            bn = base.get(k) if isinstance(base, dict) else base
            if bn in self.rows:     # pair by pair, so that drift of the machine cancels
                ratio = "%.2f" % med([a["rate"] / b["rate"] for a, b in zip(v, self.rows[bn])])
            ex = {kk: med([x[kk] for x in v]) for kk in v[0] if kk not in ("rate", "wall", "n", "p50", "p99")}
            print("| %s | %d | %d | %.0f | %.0f..%.0f | %s | %s | %s | %s |" % (
                k, len(v), v[0]["n"], med(r), min(r), max(r),
                "%.0f" % med([x["p50"] for x in v]) if v[0]["p50"] else "",
                "%.0f" % med([x["p99"] for x in v]) if v[0]["p99"] else "", ratio,
                ", ".join("%s %.4g" % kv for kv in ex.items())))
        sys.stdout.flush()


def cpu():
    t = os.times()
    return t.user + t.system + t.children_user + t.children_system
