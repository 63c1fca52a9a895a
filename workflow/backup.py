"""One file that holds all we know at one instant, and what says that it is whole.

A zip with `manifest.json` (format, kind of database, prefix, when, the last anchor in it, SHA-256 of each part) and the parts
(store/backup.py). Written beside its name and moved there when it is complete and on the disk, so a half one is never taken for
a backup. Restored only into an empty place, then verified like any database: by its chains, and by anchors kept outside, which
alone can say that it is *too old*: an anchor younger than the backup finds its own number missing.

A restored database begins a new epoch: what is told from then on goes under other ids, because a case may reach the same line a
second time, with another content, and a receiver that remembers ids would drop it.
"""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from .anchor import read_anchor, stored_anchors
from .errors import StoreError, Text
from .migrations import upgrade
from .store import backup as parts
from .store.sql import Store

__all__ = ["Backup", "read_manifest", "restore", "take"]
FORMAT = "tibandu-backup-1"
MANIFEST = "manifest.json"
MOST_MANIFEST = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """What a manifest says."""

    dialect: str
    prefix: str
    taken_at: str
    anchor: int | None
    """the number of the last anchor in it"""
    hashes: dict[str, str]
    """part → SHA-256"""


def take(store: Store, path: Path, now: datetime, beside: Sequence[Any] = ()) -> Backup:
    """Write a backup to a file that was not there, with the tables of a service `beside` ours. Others go on working. Raises
    StoreError, OSError.
    """
    half, scratch = path.with_name(path.name + ".part"), path.with_name(path.name + ".copy")
    hashes: dict[str, str] = {}
    try:
        with half.open("xb") as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
                parts.dump(store, lambda name: _hashed(archive, name, hashes), scratch, beside)
                made = Backup(
                    dialect=store.database.dialect.name, prefix=store.prefix, hashes=hashes,
                    taken_at=now.astimezone(UTC).isoformat(timespec="seconds"), anchor=_last_anchor(store),
                )  # fmt: skip
                said = {
                    "format": FORMAT,
                    **{name: getattr(made, name) for name in Backup.__dataclass_fields__},
                }
                archive.writestr(MANIFEST, json.dumps(said, indent=1))
            file.flush()
            os.fsync(file.fileno())
        os.link(half, path)  # unlike a rename, it never takes another's place
    finally:
        for left in (half, scratch):
            with suppress(OSError):
                left.unlink()
    return made


@contextmanager
def _hashed(archive: zipfile.ZipFile, name: str, hashes: dict[str, str]) -> Iterator[IO[bytes]]:
    with archive.open(name, "w", force_zip64=True) as out:
        through = _Through(out)
        yield through  # type: ignore[misc]
    hashes[name] = through.digest.hexdigest()


class _Through:
    """Writes on, and counts what was written into a hash."""

    def __init__(self, out: IO[bytes]) -> None:
        self._out = out
        self.digest = hashlib.sha256()

    def write(self, block: bytes) -> int:
        """As a file."""
        self.digest.update(block)
        return self._out.write(block)


def _last_anchor(store: Store) -> int | None:
    last = None
    for last in stored_anchors(store):  # noqa: B007 - the last one is wanted
        pass
    return read_anchor(last).number if last else None


def read_manifest(path: Path) -> Backup:
    """What the file says of itself, every part compared with its hash. Raises StoreError."""
    try:
        with zipfile.ZipFile(path) as archive:
            with archive.open(MANIFEST) as file:
                said: dict[str, Any] = json.loads(file.read(MOST_MANIFEST))
            if said.pop("format") != FORMAT:
                raise _damaged(path, FORMAT)
            found = Backup(**said)
            for name, expected in found.hashes.items():
                if _hash_of(archive, name) != expected:
                    raise _damaged(path, name)
    except (zipfile.BadZipFile, KeyError, ValueError, TypeError, EOFError, NotImplementedError) as error:
        raise _damaged(path, type(error).__name__) from error
    return found


def _hash_of(archive: zipfile.ZipFile, name: str) -> str:
    digest = hashlib.sha256()
    with archive.open(name) as file:
        while block := file.read(parts.BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _damaged(path: Path, what: str) -> StoreError:
    return StoreError(Text(f"{path} 不是完好的备份（{what}）", f"{path} is no sound backup ({what})"))


def restore(path: Path, found: Backup, store: Store, now: datetime, beside: Sequence[Any] = ()) -> None:
    """Fill an empty database from a backup whose manifest was read, and begin a new epoch. Of the tables `beside` ours those that
    the backup has; they are there already. Raises StoreError.

    On SQLite the file must not exist yet: `restore_file` has put it there, and only the epoch is left.
    """
    if not store.is_sqlite:
        _same(found, store)
        upgrade(store.database, store.prefix)
        with zipfile.ZipFile(path) as archive:
            known = [table for table in beside if f"{table.name}.copy" in found.hashes]
            parts.load(store, archive.open, known)
    began = now.astimezone(UTC).isoformat(timespec="microseconds")
    with store.connection(write=True) as connection:
        connection.execute(store.tables.epoch.insert(), {"began_at": began, "taken_at": found.taken_at})


def restore_file(path: Path, found: Backup, target: Path) -> None:
    """Put the SQLite file of a backup where none is. Raises StoreError."""
    if found.dialect != "sqlite":
        raise _other(found, "sqlite")
    half = target.with_name(target.name + ".part")
    try:
        with zipfile.ZipFile(path) as archive:
            parts.load_file(archive.open, half)
        os.link(half, target)
    except FileExistsError:
        raise StoreError(
            Text(f"{target} 已存在，不覆盖", f"{target} is there already and is not overwritten")
        ) from None
    finally:
        half.unlink(missing_ok=True)


def _same(found: Backup, store: Store) -> None:
    if found.dialect != store.database.dialect.name:
        raise _other(found, store.database.dialect.name)
    if found.prefix != store.prefix:
        raise StoreError(
            Text(f"备份的表前缀是 {found.prefix}", f"the tables in the backup have the prefix {found.prefix}")
        )


def _other(found: Backup, wanted: str) -> StoreError:
    zh, en = (
        f"这是 {found.dialect} 的备份，不能恢复到 {wanted}",
        f"this is a backup of {found.dialect}, not for {wanted}",
    )
    return StoreError(Text(zh, en))
