# SPDX-License-Identifier: MIT
"""Real programs with a fixed load each: prepared once, then run on one allocator at a time."""
import contextlib
import dataclasses
import glob
import os
import random
import shutil
import subprocess
import time
from typing import Callable

import footprint
import server
from bench_run import Failure
from bench_table import Measure

IDLE_SECONDS = 3
TIMEOUT_SECONDS = 120
SILENT = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
PLAIN_GIT = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}

PEAK = Measure("Peak resident memory", "MiB; PostgreSQL: PSS of all processes", lambda r: r["peak_rss_kib"] / 1024,
               False)
TIME = Measure("Processor time", "seconds of all threads and processes", lambda r: r["processor_seconds"], False)
IDLE = Measure("Servers at rest", f"MiB, PSS of all processes after {IDLE_SECONDS} idle seconds",
               lambda r, key: r[key] / 1024, False, keyed=True)


def find(command):
    """Its path. Debian keeps PostgreSQL's out of the search path."""
    return shutil.which(command) or max(glob.glob(f"/usr/lib/postgresql/*/bin/{command}"), default=None)


def path(directory, name):
    return os.path.join(directory, name)


def write(name, text):
    with open(name, "w", encoding="ascii") as file:
        file.write(text)


SQLITE = """
create table plain(a integer, b integer, c text);
create table keyed(a integer primary key, b integer unique, c text);
begin;
with recursive n(i) as (values(1) union all select i + 1 from n where i < {rows})
insert into plain select i, i * 7919 % 1000003, printf('%0*d of the plain table', i % 80, i * 104729 % 1000003) from n;
with recursive n(i) as (values(1) union all select i + 1 from n where i < {rows})
insert into keyed select i, i * 7919 % 1000003, printf('%0*d of the keyed table', i % 80, i * 104729 % 1000003) from n;
commit;
select count(*), avg(b), sum(length(c)) from plain where c like '%99%7%';
select sum(length(c)) from (select c from plain order by c desc limit {rows} / 2);
create index plain_b on plain(b);
create index plain_c on plain(c, b);
select count(*), sum(length(k.c)) from plain p join keyed k on k.b = p.b where p.a % 3;
begin; update plain set c = c || ' is longer', b = b + 1000003 where a % 4 = 0; commit;
begin; delete from keyed where a % 5 < 3; commit;
select substr(c, 1, 12) as head, count(*), group_concat(b) from plain group by head having count(*) > {rows};
begin; insert into keyed select a + {rows}, b + 2000006, c from plain; commit;
drop table plain;
vacuum;
select count(*), sum(length(c)) from keyed;
"""


def prepare_sqlite(directory, scale):
    write(path(directory, "load.sql"), SQLITE.format(rows=round(300000 * scale)))


def measure_sqlite(directory, variables, scale):
    return footprint.run(["sqlite3", "-batch", "-bail", "-init", path(directory, "load.sql"), ":memory:", ".exit"],
                         {**variables, "HOME": directory}, TIMEOUT_SECONDS)


def repository(commits, files=150, seed=1):
    """A stream for git fast-import: text files of many sizes, a few lines of one of them changed by each commit."""
    source = random.Random(seed)
    words = ["".join(source.choices("etaoinshrdlu", k=source.randint(2, 9))) for _ in range(2000)]

    def line():
        return " ".join(source.choices(words, k=source.randint(3, 14)))

    texts = [[line() for _ in range(round(source.lognormvariate(5.3, 0.9)))] for _ in range(files)]
    for number in range(commits):
        name = number if number < files else source.randrange(files)
        text = texts[name]
        for _ in range(source.randint(1, 8)):
            at = source.randrange(len(text) + 1)
            text[at:at + source.randint(0, 2)] = [line() for _ in range(source.randint(0, 2))]
        content = "\n".join(text)
        yield (f"commit refs/heads/main\ncommitter A <a@example.org> {1000000000 + number} +0000\ndata 6\nchange\n"
               f"M 100644 inline {name % 12}/{name}.txt\ndata {len(content)}\n{content}\n")


def prepare_git(directory, scale):
    """The first repack is not measured: each later one finds what the one before it has left."""
    git = ["git", "-C", directory]
    environment = {**os.environ, **PLAIN_GIT}
    subprocess.run([*git, "init", "-q", "--bare"], env=environment, check=True)
    subprocess.run([*git, "fast-import", "--quiet"], env=environment, input="".join(repository(round(8000 * scale))),
                   text=True, check=True)
    subprocess.run([*git, "repack", "-adfq"], env=environment, check=True)


def measure_git(directory, variables, scale):
    return footprint.run(["git", "-C", directory, "repack", "-adfq"], {**PLAIN_GIT, **variables}, TIMEOUT_SECONDS)


def measure_ruby(directory, variables, scale):
    return footprint.run(["ruby", "--disable-gems", "-e", f"values = {{}}; {round(1e6 * scale)}.times {{ |i| "
                          "values[i] = (i % 10).to_s * 100 }"], variables, TIMEOUT_SECONDS)


def measure_rocksdb(directory, variables, scale):
    data = path(directory, "data")
    shutil.rmtree(data, ignore_errors=True)
    return footprint.run(["db_bench", f"--db={data}", "--benchmarks=fillrandom,readrandom,overwrite,readrandom",
                          f"--num={round(300000 * scale)}", f"--reads={round(150000 * scale)}", "--threads=2",
                          "--value_size=100", "--cache_size=67108864", "--disable_wal=1", "--compression_type=none",
                          "--seed=1"], variables, TIMEOUT_SECONDS)


def measure_redis(directory, variables, scale):
    """Values of three sizes, each over those before; then nothing; then all is deleted."""
    with server.redis(directory, variables, **SILENT) as redis:
        pid = redis.process.pid
        for size, requests in ((16, 60000), (600, 60000), (5000, 20000), (600, 60000)):
            server.load_redis(redis, round(requests * scale), size)
        time.sleep(IDLE_SECONDS)
        loaded = {**redis.memory(), "processor_seconds": footprint.processor_seconds(pid),
                  "pss_idle_kib": footprint.resident_kib(pid)}
        # A plain flushall would have redis-server call jemalloc's purge, which no other allocator gets.
        subprocess.run(["redis-cli", "-s", redis.address, "flushall", "async"], check=True, **SILENT)
        time.sleep(IDLE_SECONDS)
        return {**loaded, "pss_empty_kib": footprint.resident_kib(pid)}


def measure_memcached(directory, variables, scale):
    with server.memcached(variables, "-t", "4", "-m", "256", **SILENT) as memcached:
        server.load_memcached(memcached, 3 * scale)
        time.sleep(IDLE_SECONDS)
        return {**memcached.memory(), "pss_idle_kib": footprint.resident_kib(memcached.process.pid)}


POSTGRES_DATA = """
create table orders as select i as id, i * 7919 % 50021 as customer, md5(i::text) as note,
    i * 1729 % 1000003 as amount from generate_series(1, {rows}) i;
create table customers as select i as id, md5((-i)::text) as name from generate_series(0, 50020) i;
do $$ begin for i in 1..200 loop
    execute format('create table part_%s (a int primary key, b text, c numeric, unique (b, c))', i);
end loop; end $$;
vacuum analyze;
checkpoint;
"""
POSTGRES_LOAD = r"""
set work_mem = '64MB';
select count(*) from (select note, array_agg(amount) from orders group by note) groups;
select max(place) from (select row_number() over (order by note) as place from orders) places;
select count(*) from orders a join orders b on a.note = b.note join customers c on c.id = a.customer;
select customer, count(distinct amount), max(note) from orders group by customer having count(*) > 1000;
select length(string_agg(note, ',' order by amount)) from orders;
select jsonb_array_length(jsonb_agg(o)) from (select * from orders limit {rows} / 4) o;
do $$ declare n bigint; begin for i in 1..200 loop
    execute format('select count(*) from part_%s where a > $1', i) into n using i;
end loop; end $$;
do $$ declare words text[]; begin for i in 1..{rows} / 10 loop words := words || md5(i::text); end loop; end $$;
\echo done
"""
POSTGRES_SETTINGS = ("fsync=off", "autovacuum=off", "jit=off", "shared_buffers=32MB", "max_parallel_workers_per_gather=0")
SESSIONS = 4


def unprivileged():
    """PostgreSQL refuses to run as root."""
    return {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.getuid() == 0 else {}


def postgres(directory, variables):
    settings = [word for setting in POSTGRES_SETTINGS for word in ("-c", setting)]
    return server.Server([find("postgres"), "-D", path(directory, "data"), "-k", directory, "-h", "", *settings],
                         path(directory, ".s.PGSQL.5432"), variables, cwd=directory, **SILENT, **unprivileged())


def client(directory):
    return [find("psql"), "-X", "-q", "-At", "-v", "ON_ERROR_STOP=1", "-h", directory, "-U", "bench", "postgres"]


@contextlib.contextmanager
def session(directory):
    """A client that has been sent the load, and stays connected to the end of the `with`."""
    with subprocess.Popen(client(directory), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.stdin.close()


def prepare_postgres(directory, scale):
    if os.getuid() == 0:
        shutil.chown(directory, "nobody", "nogroup")
    subprocess.run([find("initdb"), "-D", path(directory, "data"), "-U", "bench", "--auth=trust", "--no-sync"],
                   check=True, cwd=directory, **SILENT, **unprivileged())
    with postgres(directory, {}):
        subprocess.run(client(directory), input=POSTGRES_DATA.format(rows=round(200000 * scale)), text=True, check=True,
                       stdout=subprocess.DEVNULL)


def measure_postgres(directory, variables, scale):
    """Sessions with the same queries at a time, which then stay connected."""
    start = time.monotonic()
    with postgres(directory, variables) as cluster:
        pid = cluster.process.pid
        with contextlib.ExitStack() as stack:
            with footprint.Peak(pid) as peak:
                sessions = [stack.enter_context(session(directory)) for _ in range(SESSIONS)]
                for process in sessions:
                    process.stdin.write(POSTGRES_LOAD.format(rows=round(200000 * scale)))
                    process.stdin.flush()
                if not all("done\n" in process.stdout for process in sessions):
                    raise Failure("a session has ended before its load")
            seconds = time.monotonic() - start
            time.sleep(IDLE_SECONDS)
            idle = footprint.resident_kib(pid)
        time.sleep(0.5)  # until the server has waited for the backends
        return {"seconds": seconds, "processor_seconds": footprint.processor_seconds(pid),
                "peak_rss_kib": peak.kib, "pss_idle_kib": idle}


@dataclasses.dataclass(frozen=True)
class Program:
    """`prepare(directory, scale)` is called once, `measure(directory, variables, scale)` in each round and for each
    allocator; it gives a result. Which of `needed`, {command: Debian package}, is served by the allocator, is first."""
    name: str
    needed: dict = dataclasses.field(hash=False)
    measure: Callable
    prepare: Callable = lambda directory, scale: None
    measures: tuple = (PEAK, TIME)
    keys: dict = dataclasses.field(default_factory=dict, hash=False)

    def program(self):
        return find(next(iter(self.needed)))

    def missing(self):
        return sorted({package for command, package in self.needed.items() if not find(command)})


REDIS = {"redis-server": "redis-server", "redis-benchmark": "redis-tools", "redis-cli": "redis-tools"}
POSTGRES = {"postgres": "postgresql", "initdb": "postgresql", "psql": "postgresql-client"}
PROGRAMS = (
    Program("sqlite3, a database in memory", {"sqlite3": "sqlite3"}, measure_sqlite, prepare_sqlite),
    Program("git repack", {"git": "git"}, measure_git, prepare_git),
    Program("ruby, a hash of values of 100 bytes", {"ruby": "ruby"}, measure_ruby),
    Program("rocksdb's db_bench", {"db_bench": "rocksdb-tools"}, measure_rocksdb),
    Program("PostgreSQL, 4 sessions", POSTGRES, measure_postgres, prepare_postgres, (PEAK, TIME, IDLE),
            {"PostgreSQL, sessions open": "pss_idle_kib"}),
    Program("redis", REDIS, measure_redis, measures=(PEAK, TIME, IDLE),
            keys={"redis, loaded": "pss_idle_kib", "redis, all deleted": "pss_empty_kib"}),
    Program("memcached", {"memcached": "memcached"}, measure_memcached, measures=(PEAK, IDLE),
            keys={"memcached, loaded": "pss_idle_kib"}),
)
