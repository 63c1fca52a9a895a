"""A disk whose power can fail, under this process's SQLite: every write, sync and deletion is kept, and the files can be made
as a disk may have them after the power failed at any of them.

    process ──> SQLite ──> `Disk`, a VFS ──> the system's VFS
                            └─> log: what was written, what was synced, and the marks of the one who asks

What a disk may do: what was written and not synced may be there or not, in any order, torn at its sectors, or be rubbish within
what was written (SQLite's own assumption, sqlite.org/psow.html). A name is made or gone for certain when its folder was synced:
by the first sync of a journal after it is opened, and by a deletion that asks for it (sqlite.org/atomiccommit.html, 3.5, 6.1).
Nothing waits for the real disk: this process does not lose its power.

The VFS is the system's with three calls of its files and two of its own put before them, by ctypes; so it holds for the library
that Python's sqlite3 uses only if that is a shared one (`Disk` raises OSError where it is not).
"""

from __future__ import annotations

import ctypes
import random
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import CFUNCTYPE, POINTER, c_char_p, c_int, c_int64, c_void_p
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

SECTOR = 512
JOURNALS = 0x00000800 | 0x00080000
"""SQLite's flags of a main journal and of a WAL"""
CREATE = 0x00000004
OK = 0
NAME = b"power"


class _Methods(ctypes.Structure):
    """sqlite3_io_methods: what a file can do."""

    _fields_: ClassVar = [
        ("version", c_int),
        ("close", CFUNCTYPE(c_int, c_void_p)),
        ("read", c_void_p),
        ("write", CFUNCTYPE(c_int, c_void_p, c_void_p, c_int, c_int64)),
        ("truncate", CFUNCTYPE(c_int, c_void_p, c_int64)),
        ("sync", CFUNCTYPE(c_int, c_void_p, c_int)),
        *((f"other_{n}", c_void_p) for n in range(13)),
    ]


class _File(ctypes.Structure):
    """sqlite3_file: its methods come first, whatever the VFS adds."""

    _fields_: ClassVar = [("methods", POINTER(_Methods))]


class _Vfs(ctypes.Structure):
    """sqlite3_vfs."""

    _fields_: ClassVar = [
        ("version", c_int), ("file_size", c_int), ("longest_path", c_int), ("next", c_void_p), ("name", c_char_p),
        ("data", c_void_p),
        ("open", CFUNCTYPE(c_int, c_void_p, c_void_p, POINTER(_File), c_int, c_void_p)),
        ("delete", CFUNCTYPE(c_int, c_void_p, c_char_p, c_int)),
        *((f"other_{n}", c_void_p) for n in range(14)),
    ]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Done:
    """One thing done to the disk, or a mark."""

    what: str
    path: str = ""
    at: int = 0
    """where a write begins, the size a truncation leaves; 1 where a creation or deletion is certain at once"""
    data: bytes = b""
    mark: Any = None


class Disk:
    """The files of a folder, as this process's SQLite writes them while `plugged()` lasts."""

    def __init__(self, folder: Path) -> None:
        self.log: list[Done] = []
        self._before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
        self._folder = folder

    def mark(self, what: object) -> None:
        """Note what the world knows from here on, an answer for instance."""
        self.log.append(Done("mark", mark=what))

    @contextmanager
    def plugged(self) -> Iterator[None]:
        """All that this process's SQLite opens within goes by this disk."""
        vfs = _Plug(self)
        try:
            yield
        finally:
            vfs.pull()

    def after(self, number: int, chance: random.Random, folder: Path) -> list[Any]:
        """Lose the power after so many entries of the log, write into the folder what is left; the marks until then."""
        left = _Platter(self._before)
        for done in self.log[:number]:
            left.do(done)
        for name, content in left.remains(chance).items():
            (folder / name).write_bytes(content)
        return [done.mark for done in self.log[:number] if done.what == "mark"]


@dataclass(slots=True)
class _Content:
    """A file: what is certain, and what was done since."""

    sure: bytearray = field(default_factory=bytearray)
    since: list[Done] = field(default_factory=list)
    names_too: bool = False
    """whether its next sync makes the names of its folder certain"""

    def sync(self) -> None:
        for done in self.since:
            _apply(self.sure, done)
        self.since = []

    def remains(self, chance: random.Random) -> bytes:
        content = bytearray(self.sure)
        kept = chance.choice((0.0, 0.5, 1.0))
        for done in self.since:
            if done.what == "truncate":
                if chance.random() < kept:
                    _apply(content, done)
                continue
            for start, piece in _sectors(done):
                fate = chance.random()
                if fate < kept:
                    _apply(content, Done("write", at=start, data=piece))
                elif kept == 0.5 and fate > 0.95:
                    _apply(content, Done("write", at=start, data=chance.randbytes(len(piece))))
        return bytes(content)


class _Platter:
    """What a folder holds, and what of it is certain."""

    def __init__(self, before: dict[str, bytes]) -> None:
        self._names = {name: _Content(bytearray(content)) for name, content in before.items()}
        self._sure = dict(self._names)
        self._since: list[dict[str, _Content]] = []

    def do(self, done: Done) -> None:
        if done.what == "mark":
            return
        name = Path(done.path).name
        if done.what == "delete":
            self._names.pop(name, None)
            self._changed(sure=bool(done.at))
        elif done.what == "open":
            if name not in self._names:
                self._names[name] = _Content()
                self._changed(sure=False)
            self._names[name].names_too = bool(done.at)
        elif done.what == "sync":
            content = self._names[name]
            content.sync()
            if content.names_too:
                content.names_too = False
                self._changed(sure=True)
        else:
            self._names[name].since.append(done)

    def _changed(self, *, sure: bool) -> None:
        if sure:
            self._sure, self._since = dict(self._names), []
        else:
            self._since.append(dict(self._names))

    def remains(self, chance: random.Random) -> dict[str, bytes]:
        names = chance.choice([self._sure, *self._since])
        return {name: content.remains(chance) for name, content in names.items()}


def _apply(content: bytearray, done: Done) -> None:
    if done.what == "truncate":
        del content[done.at :]
        return
    if len(content) < done.at:
        content.extend(bytes(done.at - len(content)))
    content[done.at : done.at + len(done.data)] = done.data


def _sectors(done: Done) -> Iterator[tuple[int, bytes]]:
    start, end = done.at, done.at + len(done.data)
    while start < end:
        stop = min(end, (start // SECTOR + 1) * SECTOR)
        yield start, done.data[start - done.at : stop - done.at]
        start = stop


class _Plug:
    """The VFS, for as long as it is registered."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._library = _sqlite()
        self._paths: dict[int, str] = {}
        self._methods: dict[int, _Methods] = {}
        """those of ours, by the address of the system's"""
        self._theirs: dict[int, _Methods] = {}
        """the system's, by the address of a file"""
        find = self._library.sqlite3_vfs_find
        find.restype = POINTER(_Vfs)
        self._system = find(None)
        self._ours = _Vfs.from_buffer_copy(self._system.contents)
        self._ours.name = NAME
        self._ours.open = type(self._ours.open)(self._open)
        self._ours.delete = type(self._ours.delete)(self._delete)
        self._library.sqlite3_vfs_register(ctypes.byref(self._ours), 1)

    def pull(self) -> None:
        """The system's VFS is the one that is used again. No file of ours may be open."""
        self._library.sqlite3_vfs_unregister(ctypes.byref(self._ours))
        self._library.sqlite3_vfs_register(self._system, 1)

    def _open(self, _vfs: int, name: int, file: Any, flags: int, out: int) -> int:
        result = self._system.contents.open(ctypes.addressof(self._system.contents), name, file, flags, out)
        if result == OK and name:
            address = ctypes.addressof(file.contents)
            self._paths[address] = ctypes.string_at(name).decode()
            if flags & CREATE:
                self._note("open", address, at=int(bool(flags & JOURNALS)))
            theirs = file.contents.methods.contents
            self._theirs[address] = theirs
            file.contents.methods = ctypes.pointer(self._wrapped(theirs))
        return int(result)

    def _wrapped(self, theirs: _Methods) -> _Methods:
        key = ctypes.addressof(theirs)
        if key not in self._methods:
            ours = _Methods.from_buffer_copy(theirs)
            ours.close = type(ours.close)(self._close)
            ours.write = type(ours.write)(self._write)
            ours.truncate = type(ours.truncate)(self._truncate)
            ours.sync = type(ours.sync)(self._sync)
            self._methods[key] = ours
        return self._methods[key]

    def _note(self, what: str, address: int, at: int = 0, data: bytes = b"") -> None:
        self._disk.log.append(Done(what, self._paths[address], at, data))

    def _write(self, file: int, data: int, length: int, at: int) -> int:
        self._note("write", file, at, ctypes.string_at(data, length))
        return int(self._theirs[file].write(file, data, length, at))

    def _truncate(self, file: int, size: int) -> int:
        self._note("truncate", file, size)
        return int(self._theirs[file].truncate(file, size))

    def _sync(self, file: int, _flags: int) -> int:
        self._note("sync", file)
        return OK

    def _close(self, file: int) -> int:
        del self._paths[file]
        return int(self._theirs.pop(file).close(file))

    def _delete(self, _vfs: int, path: bytes, certain: int) -> int:
        system = self._system.contents
        result = system.delete(ctypes.addressof(system), path, certain)
        if result == OK:
            self._disk.log.append(Done("delete", path.decode(), certain))
        return int(result)


def _sqlite() -> Any:
    """The library that Python's sqlite3 uses."""
    import _sqlite3

    return ctypes.CDLL(_sqlite3.__file__)
