"""A. The limit: hand-written SQL. usage: python -m bench.a_limit [DSN|own] [SQLITE_DIR|own] [rounds] [cases] [name-filter]

Provenance: measured before the engine was written; taken over word for word, but for the imports, a start method that
every Python has, and a server and a folder of its own (`own`, or nothing said). These SQL texts are the limit that
`make bench` compares with: do not edit them. The named database is dropped and made anew.
"""
import contextlib, json, multiprocessing, os, sqlite3, sys, tempfile, time
import psycopg
from bench import w1def as D
from bench.w1def import BY, DUE, now, Refused

mp = multiprocessing.get_context("fork")      # the classes made by off() cannot be sent to a fresh process

dumps = json.dumps


def dj(p):
    return dumps(p, ensure_ascii=False, separators=(",", ":"))


# --- PostgreSQL, one statement per step, one explicit transaction: 9-10 round trips
class PgSteps:
    sync = None

    def __init__(self, dsn):
        self.c = psycopg.connect(dsn, autocommit=True, prepare_threshold=0)
        if self.sync:
            self.c.execute("set synchronous_commit=" + self.sync)
        self.k = self.c.cursor()

    def w1(self, cid, ver, event, actor, pl):
        x = self.k.execute
        x("begin")
        x("select state, version, unit_id from cases where id=%s for update", (cid,))
        state, v, unit = self.k.fetchone()
        to, role, guard, timers = BY[state, event]
        if v != ver:
            raise Refused
        x("select unit_id from actor where id=%s and role=%s", (actor, role))
        a = self.k.fetchone()
        if a is None or (guard == "same_unit" and a[0] != unit):
            raise Refused
        t = now()
        due = [(k, t + DUE[d]) for k, d in timers]
        x("update cases set state=%s, version=version+1, due_at=%s, updated_at=%s where id=%s",
          (to, due[-1][1] if due else None, t, cid))
        x("insert into history values(%s,%s,%s,%s,%s,%s,%s,%s)", (cid, v + 1, t, actor, event, state, to, dj(pl)))
        x("update timer set status=2 where case_id=%s and status=0", (cid,))
        for k, d in due:
            x("insert into timer(case_id,kind,due_at) values(%s,%s,%s)", (cid, k, d))
        x("insert into outbox(case_id,topic,body,created_at) values(%s,%s,%s,%s)",
          (cid, event, dj({"case": cid, "to": to}), t))
        x("commit")


class PgPipe(PgSteps):
    """The same statements in psycopg's pipeline mode: one sync for the reads, one for the writes."""

    def w1(self, cid, ver, event, actor, pl):
        c, role_hint = self.c, D.ROLE[event]
        with c.pipeline() as p:
            k1 = c.cursor()
            c.execute("begin")
            k1.execute("select state, version, unit_id from cases where id=%s for update", (cid,))
            k2 = c.execute("select unit_id from actor where id=%s and role=%s", (actor, role_hint))
            state, v, unit = k1.fetchone()
            a = k2.fetchone()
            to, role, guard, timers = BY[state, event]
            if v != ver or a is None or (guard == "same_unit" and a[0] != unit):
                raise Refused
            t = now()
            due = [(k, t + DUE[d]) for k, d in timers]
            c.execute("update cases set state=%s, version=version+1, due_at=%s, updated_at=%s where id=%s",
                      (to, due[-1][1] if due else None, t, cid))
            c.execute("insert into history values(%s,%s,%s,%s,%s,%s,%s,%s)",
                      (cid, v + 1, t, actor, event, state, to, dj(pl)))
            c.execute("update timer set status=2 where case_id=%s and status=0", (cid,))
            for kk, d in due:
                c.execute("insert into timer(case_id,kind,due_at) values(%s,%s,%s)", (cid, kk, d))
            c.execute("insert into outbox(case_id,topic,body,created_at) values(%s,%s,%s,%s)",
                      (cid, event, dj({"case": cid, "to": to}), t))
            c.execute("commit")


# --- two round trips: one read, Python decides, one writing statement that re-checks the version
READ = ("select c.state, c.version, c.unit_id, a.role, a.unit_id from cases c left join actor a "
        "on a.id=%s and a.role=%s where c.id=%s")
WRITE = """with c as (update cases set state=%s, version=version+1, due_at=%s, updated_at=%s
             where id=%s and version=%s and state=%s returning id, version),
  tc as (update timer set status=2 from c where timer.case_id=c.id and timer.status=0),
  tn as (insert into timer(case_id,kind,due_at) select c.id, u.k, u.d from c, unnest(%s::text[], %s::timestamptz[]) u(k,d)),
  h as (insert into history select c.id, c.version, %s, %s, %s, %s, %s, %s from c)
insert into outbox(case_id,topic,body,created_at) select c.id, %s, %s, %s from c returning id"""


class Pg2(PgSteps):
    def w1(self, cid, ver, event, actor, pl):
        k = self.k
        k.execute(READ, (actor, D.ROLE[event], cid))
        state, v, unit, role, aunit = k.fetchone()
        to, need, guard, timers = BY[state, event]
        if v != ver or role is None or (guard == "same_unit" and aunit != unit):
            raise Refused
        t = now()
        due = [t + DUE[d] for _, d in timers]
        k.execute(WRITE, (to, due[-1] if due else None, t, cid, ver, state, [x for x, _ in timers], due,
                          t, actor, event, state, to, dj(pl), event, dj({"case": cid, "to": to}), t))
        if k.rowcount != 1:
            raise Refused


# --- one round trip: the definition is a table, the database decides
ONE = """with d as (select c.id, c.state, d.* from cases c join definition d on d.from_state=c.state and d.event=%(e)s
             join actor a on a.id=%(a)s and a.role=d.role
             where c.id=%(c)s and c.version=%(v)s and (d.guard is distinct from 'same_unit' or a.unit_id=c.unit_id)),
  c as (update cases set state=d.to_state, version=version+1, updated_at=%(t)s,
             due_at=%(t)s + make_interval(days => d.days[array_upper(d.days,1)])
          from d where cases.id=d.id and cases.version=%(v)s returning cases.id, cases.version),
  tc as (update timer set status=2 from c where timer.case_id=c.id and timer.status=0),
  tn as (insert into timer(case_id,kind,due_at) select c.id, u.k, %(t)s + make_interval(days => u.d)
          from c, d, unnest(d.kinds, d.days) u(k,d)),
  h as (insert into history select c.id, c.version, %(t)s, %(a)s, d.event, d.from_state, d.to_state, %(p)s from c, d)
insert into outbox(case_id,topic,body,created_at)
  select c.id, d.event, jsonb_build_object('case', c.id, 'to', d.to_state), %(t)s from c, d returning id"""


class Pg1(PgSteps):
    def w1(self, cid, ver, event, actor, pl):
        self.k.execute(ONE, {"c": cid, "v": ver, "e": event, "a": actor, "t": now(), "p": dj(pl)})
        if self.k.rowcount != 1:
            raise Refused


class PgFunc(PgSteps):      # the function itself is PG_FUNC in w1def.py
    def w1(self, cid, ver, event, actor, pl):
        if self.k.execute("select w1(%s,%s,%s,%s,%s,%s::jsonb)", (cid, ver, event, actor, now(), dj(pl))).fetchone()[0] != 1:
            raise Refused


def off(cls):
    return type(cls.__name__ + "_async", (cls,), {"sync": "off"})


# --- bulk: 100 W1 a transaction
BULK_READ = ("select c.id, c.state, c.version, c.unit_id, a.role, a.unit_id from unnest(%s::bigint[],%s::bigint[],%s::text[]) "
             "i(c,a,r) join cases c on c.id=i.c left join actor a on a.id=i.a and a.role=i.r")
BULK = """with i as (select * from unnest(%s::bigint[],%s::int[],%s::text[],%s::text[],%s::timestamptz[],%s::bigint[],
             %s::text[],%s::jsonb[],%s::jsonb[]) i(c,v,f,t,due,a,e,p,o)),
  c as (update cases set state=i.t, version=version+1, due_at=i.due, updated_at=%s from i
          where cases.id=i.c and cases.version=i.v and cases.state=i.f returning cases.id, cases.version),
  tc as (update timer set status=2 from c where timer.case_id=c.id and timer.status=0),
  tn as (insert into timer(case_id,kind,due_at) select c.id, u.k, u.d from c join unnest(%s::bigint[],%s::text[],
          %s::timestamptz[]) u(c,k,d) on u.c=c.id),
  h as (insert into history select c.id, c.version, %s, i.a, i.e, i.f, i.t, i.p from c join i on i.c=c.id)
insert into outbox(case_id,topic,body,created_at) select c.id, i.e, i.o, %s from c join i on i.c=c.id returning id"""


class PgBulk(PgSteps):
    """Set-based: one read of 100 rows, one writing statement for 100 W1."""
    size = 100

    def many(self, items):
        k = self.k
        k.execute(BULK_READ, ([x[0] for x in items], [x[3] for x in items], [D.ROLE[x[2]] for x in items]))
        got = {r[0]: r for r in k.fetchall()}
        t = now()
        A = [[] for _ in range(9)]
        tcid, tk, td = [], [], []
        for cid, ver, ev, actor, pl in items:
            _, state, v, unit, role, aunit = got[cid]
            to, need, guard, timers = BY[state, ev]
            if v != ver or role is None or (guard == "same_unit" and aunit != unit):
                raise Refused
            d = None
            for kk, dd in timers:
                d = t + DUE[dd]
                tcid.append(cid); tk.append(kk); td.append(d)
            for col, val in zip(A, (cid, ver, state, to, d, actor, ev, dj(pl), dj({"case": cid, "to": to}))):
                col.append(val)
        k.execute(BULK, (*A, t, tcid, tk, td, t, t))
        if k.rowcount != len(items):
            raise Refused


class PgBulkSteps(PgSteps):
    """Row-at-a-time statements, 100 W1 a transaction."""
    size = 100

    def many(self, items):
        x = self.k.execute
        x("begin")
        for it in items:
            self.one(*it)
        x("commit")

    def one(self, cid, ver, event, actor, pl):
        real = self.k
        class NoTx:
            def execute(s, sql, a=None):
                return real if sql in ("begin", "commit") else real.execute(sql, a)
            fetchone = real.fetchone
        self.k = NoTx()
        try:
            PgSteps.w1(self, cid, ver, event, actor, pl)
        finally:
            self.k = real


# --- SQLite
class Lite:
    sync = "FULL"
    checkpoint = 1000

    def __init__(self, file):
        self.c = sqlite3.connect(file, isolation_level=None, timeout=30)
        self.c.execute("pragma synchronous=" + self.sync)
        self.x = self.c.cursor().execute

    def w1(self, *a):
        x = self.x
        x("begin immediate")
        self.one(*a)
        x("commit")

    def one(self, cid, ver, event, actor, pl):
        x = self.x
        state, v, unit = x("select state, version, unit_id from cases where id=?", (cid,)).fetchone()
        to, role, guard, timers = BY[state, event]
        a = x("select unit_id from actor where id=? and role=?", (actor, role)).fetchone()
        if v != ver or a is None or (guard == "same_unit" and a[0] != unit):
            raise Refused
        t = now()
        ts = t.isoformat()
        due = [(k, (t + DUE[d]).isoformat()) for k, d in timers]
        x("update cases set state=?, version=version+1, due_at=?, updated_at=? where id=?",
          (to, due[-1][1] if due else None, ts, cid))
        x("insert into history values(?,?,?,?,?,?,?,?)", (cid, v + 1, ts, actor, event, state, to, dj(pl)))
        x("update timer set status=2 where case_id=? and status=0", (cid,))
        for k, d in due:
            x("insert into timer(case_id,kind,due_at) values(?,?,?)", (cid, k, d))
        x("insert into outbox(case_id,topic,body,created_at) values(?,?,?,?)",
          (cid, event, dj({"case": cid, "to": to}), ts))


class LiteNormal(Lite):
    sync = "NORMAL"


class LiteBulk(Lite):
    size = 100

    def many(self, items):
        self.x("begin immediate")
        for it in items:
            self.one(*it)
        self.x("commit")


class LiteBulkNormal(LiteBulk):
    sync = "NORMAL"


PG = {"pg steps 1c": (PgSteps, 1), "pg pipeline 1c": (PgPipe, 1), "pg read+cte 1c": (Pg2, 1), "pg one-cte 1c": (Pg1, 1),
      "pg function 1c": (PgFunc, 1),
      "pg steps 8c": (PgSteps, 8), "pg pipeline 8c": (PgPipe, 8), "pg read+cte 8c": (Pg2, 8), "pg one-cte 8c": (Pg1, 8),
      "pg function 8c": (PgFunc, 8),
      "pg steps 1c async": (off(PgSteps), 1), "pg read+cte 1c async": (off(Pg2), 1), "pg one-cte 1c async": (off(Pg1), 1),
      "pg function 1c async": (off(PgFunc), 1), "pg one-cte 8c async": (off(Pg1), 8), "pg function 8c async": (off(PgFunc), 8),
      "pg bulk100 set 1c": (PgBulk, 1), "pg bulk100 steps 1c": (PgBulkSteps, 1)}
LITE = {"sqlite FULL 1c": (Lite, 1), "sqlite NORMAL 1c": (LiteNormal, 1), "sqlite bulk100 FULL": (LiteBulk, 1),
        "sqlite bulk100 NORMAL": (LiteBulkNormal, 1), "sqlite FULL 4p": (Lite, 4), "sqlite NORMAL 4p": (LiteNormal, 4)}


def worker(cls, target, items, bar, out):
    try:
        _worker(cls, target, items, bar, out)
    except BaseException as e:
        bar.abort()
        out.put(e)
        raise


def _worker(cls, target, items, bar, out):
    s = cls(target)
    lat = []
    bar.wait()
    t0 = time.perf_counter_ns()
    if hasattr(cls, "size"):
        pc = time.perf_counter_ns
        for b in D.batches(items, cls.size):
            t = pc()
            s.many(b)
            lat.append((pc() - t) // len(b))
    else:
        D.drive(s.w1, items, lat)
    out.put((t0, time.perf_counter_ns(), lat, time.process_time()))


def clients(cls, target, n, cases):
    """n processes, each with its own connection and its own share of the cases."""
    per = cases // n
    parts = [D.script(per, 1 + j * per) for j in range(n)]
    bar, out = mp.Barrier(n), mp.Queue()
    ps = [mp.Process(target=worker, args=(cls, target, p, bar, out)) for p in parts]
    [p.start() for p in ps]
    got = [out.get() for _ in ps]
    [p.join() for p in ps]
    bad = [g for g in got if isinstance(g, BaseException)]
    if bad:
        raise bad[0]
    wall = (max(g[1] for g in got) - min(g[0] for g in got)) / 1e9
    return sum(map(len, parts)), wall, [x for g in got for x in g[2]], sum(g[3] for g in got)


def fsync_us(folder, n=30):
    """What one 8 kB overwrite + fdatasync costs on this disk right now: the covariate of every durable figure."""
    fd = os.open(os.path.join(folder, "probe"), os.O_RDWR | os.O_CREAT)
    os.pwrite(fd, b"x" * 8192 * n, 0)
    os.fsync(fd)
    a = []
    for i in range(n):
        t = time.perf_counter_ns()
        os.pwrite(fd, b"y" * 8192, 8192 * i)
        os.fdatasync(fd)
        a.append(time.perf_counter_ns() - t)
    os.close(fd)
    return D.q(a, .5) / 1e3


def wal(dsn):
    with psycopg.connect(dsn) as c:
        return int(c.execute("select pg_current_wal_insert_lsn() - '0/0'").fetchone()[0])


def main(base=("pg one-cte 1c", "sqlite NORMAL 1c")):
    given = dict(enumerate(sys.argv[1:]))
    with contextlib.ExitStack() as own:
        dsn, sdir = given.get(0, "own"), given.get(1, "own")
        if dsn == "own":
            from tests.postgres import Server, server
            dsn = own.enter_context(contextlib.closing(Server(own.enter_context(server(durable=True))))).database("w1")
        if sdir == "own":
            sdir = own.enter_context(tempfile.TemporaryDirectory())
        measure(dsn, sdir, int(given.get(2, 5)), int(given.get(3, 800)), given.get(4, ""), base)


def measure(dsn, sdir, rounds, cases, flt, base):
    R = D.Report()
    for r in range(rounds):
        for name, (cls, n) in {**PG, **LITE}.items():
            if flt and not any(f in name for f in flt.split(",")):
                continue
            fs = fsync_us(sdir)
            if name in PG:
                D.pg_seed(dsn)
                w0 = wal(dsn)
                cnt, w, lat, pcpu = clients(cls, dsn, n, cases)
                R.add(name, cnt, w, lat, wal_B=(wal(dsn) - w0) / cnt, client_cpu_us=pcpu / cnt * 1e6,
                      fsync_us=fs)
                D.pg_check(dsn, cases)
            else:
                f = os.path.join(sdir, "w1.db")
                D.sqlite_seed(f)
                cnt, w, lat, pcpu = clients(cls, f, n, cases)
                R.add(name, cnt, w, lat, client_cpu_us=pcpu / cnt * 1e6, fsync_us=fs)
                D.sqlite_check(f, cases)
    print("psycopg", psycopg.__version__, psycopg.pq.__impl__, "sqlite", sqlite3.sqlite_version, "rounds", rounds, "cases", cases)
    R.show({n: base[0] if n in PG else base[1] for n in R.rows})


if __name__ == "__main__":
    main()
