"""Anchors and exports: the chain of anchors itself, what is kept outside, and a checker that knows nothing of us."""

from __future__ import annotations

import hashlib
import hmac
import io
import json
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.histories import (
    CASES,
    HIDDEN,
    KEY,
    LI,
    LINES,
    SEEN,
    change_row,
    clock,
    cut_tail,
    disarm,
    first,
    letter,
    open_town,
    own,
    prepare,
    rehash_case,
    remove_case,
    remove_row,
    rows,
    town,
    town_file,
    town_url,
)  # fmt: skip
from workflow import Actor, Conflict, Engine, check_export
from workflow import anchor as anchoring
from workflow.anchor import Anchor, HmacSigner, make_anchor, merkle_root, read_anchor
from workflow.errors import StoreError
from workflow.export import Exported, export_history
from workflow.history import GENESIS, HASHED, canonical, line_hash
from workflow.verify import Report, verify

__all__ = ["town", "town_file", "town_url"]

LEAVES = st.dictionaries(
    st.text("abc01", min_size=1, max_size=6), st.tuples(st.integers(1, 9), st.text("0f", max_size=4))
)


def anchor(engine: Engine, key: bytes | None = KEY, *, full: bool = False) -> Anchor:
    return read_anchor(make_anchor(engine.store, key, clock(engine).now(), full=full))


def codes(report: Report) -> list[str]:
    return sorted({fault.code for fault in report.faults})


# --- the anchors themselves


def test_an_anchor_carries_what_is_new_and_stands_for_all(town: Engine) -> None:
    one = anchor(town)
    case = letter(town, 5)
    two = anchor(town)
    assert (one.number, one.cases, one.lines, one.previous) == (1, CASES, LINES, GENESIS)
    assert len(one.leaves) == CASES
    assert (two.number, two.cases, two.lines, two.previous) == (2, CASES + 2, LINES + 4, one.hash)
    assert {leaf[0] for leaf in two.leaves} == {case.id, town.children(case.id)[0].id}
    everything = rows(town, "select id, seq, head from {p}cases")
    assert two.root == merkle_root(sorted((str(r[0]), int(r[1]), str(r[2])) for r in everything))
    assert anchor(town, full=True).leaves == tuple(sorted(tuple(row) for row in everything))
    assert verify(town.store, [one, two], key=KEY) == Report(
        rows=LINES + 4, cases=CASES + 2, erased=0, anchors=5
    )


def test_an_anchor_of_nothing(sqlite_url: str) -> None:
    engine = open_town(sqlite_url)
    engine.create_schema()
    made = anchor(engine)
    assert (made.cases, made.lines, made.root) == (0, 0, hashlib.sha256().hexdigest())
    assert verify(engine.store, [made]).sound
    engine.database.dispose()


def test_the_signature_is_hmac_over_the_hash(town: Engine) -> None:
    made = anchor(town)
    assert made.signature == hmac.new(KEY.rstrip(), made.hash.encode(), "sha256").hexdigest()
    assert verify(town.store, [made], key=KEY).sound
    assert codes(verify(town.store, [made], key=b"another key of sixteen bytes")) == ["anchor_signature"]
    unsigned = anchor(town, None)
    assert unsigned.signature is None
    assert codes(verify(town.store, key=KEY)) == ["anchor_unsigned"]
    assert verify(town.store).sound, "whoever has no key asks for no signature"


def test_a_signed_anchor_stands_for_an_unsigned_one_before_it(town: Engine, tmp_path: Path) -> None:
    """It names the hash of the one before. Until there is one, it is said which anchor nobody signed; the checker of exports
    says the same.
    """
    key, kept = tmp_path / "key", tmp_path / "2.json"
    key.write_bytes(KEY)
    anchor(town)
    letter(town, 5)
    bare = anchor(town, None)
    kept.write_text(bare.to_json(), encoding="utf-8")

    def checked(name: str) -> str:
        exported(town, tmp_path / name)
        return run(tmp_path / name, "--anchor", kept, "--key", key).stdout

    (fault,) = verify(town.store, [bare], key=KEY).faults
    assert (fault.code, fault.text.en.partition(",")[0]) == ("anchor_unsigned", "anchor 2 is not signed")
    assert "anchor 2" in checked("a") and "1 处错误" in checked("b")
    anchor(town)
    assert verify(town.store, [bare], key=KEY).sound
    assert checked("c").startswith("完整")
    letter(town, 6)
    anchor(town, b"another key of sixteen bytes")  # signed by somebody else it stands for nothing
    letter(town, 7)
    anchor(town, None)
    found = [(one.code, one.text.en.partition(",")[0]) for one in verify(town.store, key=KEY).faults]
    assert sorted(found) == [
        ("anchor_signature", "anchor 4 is not signed with this key"), ("anchor_unsigned", "anchor 5 is not signed"),
    ]  # fmt: skip


def test_an_unsigned_anchor_that_was_changed_is_covered_by_none(town: Engine) -> None:
    bare = anchor(town, None)
    letter(town, 5)
    anchor(town)
    body = {**json.loads(bare.to_json()), "made_at": "2020"}
    disarm(town)
    own(town, "update {p}anchor set body = :body where id = 1", body=json.dumps(body))
    assert codes(verify(town.store, [bare], key=KEY)) == ["anchor_chain", "anchor_changed", "anchor_unsigned"]


def test_another_signer_may_be_plugged_in(town: Engine) -> None:
    class Seal:
        name = "seal"

        def sign(self, message: bytes) -> str:
            return "sealed:" + message.decode()

        def holds(self, message: bytes, signature: str) -> bool:
            return signature == self.sign(message)

    text = make_anchor(town.store, Seal(), clock(town).now())
    assert read_anchor(text).signer == "seal"
    assert verify(town.store, [text], key=Seal()).sound
    assert codes(verify(town.store, key=KEY)) == ["anchor_signature"]


def test_a_short_key_is_no_key() -> None:
    with pytest.raises(StoreError, match="16"):
        HmacSigner(b"short\n")


@pytest.mark.parametrize("text", ["", "x", "[]", "{}", '{"format":"tibandu-anchor-1"}', "[" * 100_000])
def test_what_is_no_anchor(text: str) -> None:
    with pytest.raises(StoreError, match="no anchor"):
        read_anchor(text)


def test_an_unknown_format(town: Engine) -> None:
    text = make_anchor(town.store, None, clock(town).now()).replace("tibandu-anchor-1", "tibandu-anchor-9")
    with pytest.raises(StoreError, match="tibandu-anchor-9"):
        read_anchor(text)


def rfc6962(leaves: list[Any]) -> bytes:
    """The tree as the RFC defines it."""
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + canonical(list(leaves[0])).encode()).digest()
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    return hashlib.sha256(b"\x01" + rfc6962(leaves[:half]) + rfc6962(leaves[half:])).digest()


@given(LEAVES)
def test_the_root_is_that_of_rfc_6962(found: dict[str, tuple[int, str]]) -> None:
    leaves = [(case, *found[case]) for case in sorted(found)]
    assert (
        merkle_root(leaves)
        == rfc6962(leaves).hex()
        == check_export.merkle_root([list(leaf) for leaf in leaves])
    )


def test_the_sheet_is_short_and_stands_for_the_anchor(town: Engine) -> None:
    made = anchor(town)
    assert len(made.sheet) < 30
    assert made.sheet.replace("-", "").endswith(made.hash[:20].upper())


# --- what must not be certified, and two makers


@pytest.mark.parametrize("tamper", HIDDEN, ids=lambda tamper: tamper.__name__)
def test_no_anchor_over_a_contradiction(town: Engine, tamper: Callable[[Engine], None]) -> None:
    """The next anchor would make the damage look right."""
    case = first(town)
    anchor(town)
    disarm(town)
    tamper(town)
    with pytest.raises(StoreError, match=f"(?s){case}.*tibandu verify"):
        anchor(town)
    assert len(rows(town, "select id from {p}anchor")) == 1


@pytest.mark.parametrize("seq", [1, 2])
def test_no_anchor_over_a_gap(town: Engine, seq: int) -> None:
    """The case says it is whole, and its lines are not; whether or not there was an anchor before."""
    case = first(town)
    disarm(town)
    own(town, "delete from {p}disclosure where case_id = :case and seq = :seq", case=case, seq=seq)
    own(town, "delete from {p}history where case_id = :case and seq = :seq", case=case, seq=seq)
    with pytest.raises(StoreError, match=f"(?s){case}.*tibandu verify"):
        anchor(town)
    assert rows(town, "select id from {p}anchor") == []


def test_the_second_of_two_makers_is_refused(town: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    anchor(town)
    write, made = anchoring._write, []

    def meanwhile(store: Any, text: Any) -> str:
        if not made:
            made.append(text)
            anchor(town)
        return write(store, text)

    monkeypatch.setattr(anchoring, "_write", meanwhile)
    with pytest.raises(Conflict):
        anchor(town)
    assert anchor(town).number == 3
    assert verify(town.store).sound


@pytest.mark.parametrize("portion", [1, 2, 1000])
def test_an_anchor_is_made_in_portions(town: Engine, monkeypatch: pytest.MonkeyPatch, portion: int) -> None:
    """One statement each, so that no writer waits for the whole; the same anchor whatever their size."""
    monkeypatch.setattr(anchoring, "BATCH", portion)
    made = anchor(town, full=True)
    cases = rows(town, "select id, seq, head from {p}cases")
    assert made.root == merkle_root(sorted((row.id, row.seq, row.head) for row in cases))
    assert (made.cases, made.lines) == (len(cases), sum(row.seq for row in cases))


def test_cases_are_put_in_the_order_of_bytes(town: Engine) -> None:
    """So the root can be recomputed by anybody."""
    for id_ in ("a-b", "aB", "ab", "a_b", "Ab"):
        town.start("letter", LI, {"title": "x"}, tenant="hb/town", id=id_)
    leaves = anchor(town).leaves
    assert list(leaves) == sorted(leaves, key=lambda leaf: leaf[0].encode())
    assert verify(town.store).sound


# --- anchors tampered with

INSIDE = {
    "a leaf": (lambda a: a["leaves"][0].__setitem__(2, "0" * 64), {"anchor_leaves", "anchor_hash", "anchor_root"}),
    "a leaf gone": (lambda a: a["leaves"].pop(), {"anchor_leaves", "anchor_root"}),
    "a count": (lambda a: a.__setitem__("cases", 99), {"anchor_chain", "anchor_signature"}),
    "the root": (lambda a: a.__setitem__("root", "0" * 64), {"anchor_chain", "anchor_signature"}),
    "the time": (lambda a: a.__setitem__("made_at", "2020"), {"anchor_chain", "anchor_signature"}),
    "the signature": (lambda a: a.__setitem__("signature", "0" * 64), {"anchor_signature"}),
    "no text at all": (lambda a: a.clear(), {"anchor_unreadable", "anchor_chain", "anchor_root"}),
}  # fmt: skip


@pytest.mark.parametrize("what", INSIDE)
def test_an_anchor_that_was_changed(town: Engine, what: str) -> None:
    """The first of two; the last leaf of all is in the second, so a root that misses one is seen."""
    change, expected = INSIDE[what]
    kept = anchor(town)
    letter(town, 5)
    anchor(town)
    body = json.loads(kept.to_json())
    change(body)
    disarm(town)
    own(
        town,
        "update {p}anchor set body = :body where id = (select min(id) from {p}anchor)",
        body=json.dumps(body),
    )
    assert set(codes(verify(town.store, key=KEY))) == expected
    outside = set(codes(verify(town.store, [kept], key=KEY)))
    header = what not in ("a leaf", "a leaf gone", "the signature")
    assert ("anchor_changed" in outside) is header


def test_anchors_taken_away(town: Engine) -> None:
    """The newest kept outside tells that anchors are missing; a database restored too old is the same."""
    kept = [anchor(town)]
    letter(town, 5)
    kept.append(anchor(town))
    disarm(town)
    own(town, "delete from {p}anchor where id = (select max(id) from {p}anchor)")
    assert verify(town.store).sound
    assert codes(verify(town.store, kept)) == ["anchor_missing"]


def test_a_backup_that_is_too_old(sqlite_url: str, tmp_path: Path) -> None:
    prepare(sqlite_url)
    engine = open_town(sqlite_url, seed=8, today=date(2025, 6, 23))
    shutil.copy(tmp_path / "tibandu.db", tmp_path / "backup.db")
    case = letter(engine, 5)
    kept = anchor(engine)
    engine.database.dispose()
    restored = open_town(f"sqlite:///{tmp_path / 'backup.db'}")
    assert verify(restored.store).sound
    report = verify(restored.store, [kept])
    assert "anchor_missing" in codes(report)
    assert (case.id, "anchor_case") in {(fault.case, fault.code) for fault in report.faults}
    restored.database.dispose()


# --- the export and its checker


def exported(engine: Engine, path: Path) -> Exported:
    with path.open("w", encoding="utf-8", newline="\n") as out:
        return export_history(engine.store, out)


def run(*arguments: Path | str) -> subprocess.CompletedProcess[str]:
    """The checker as an auditor runs it: isolated, in an empty folder, with nothing of ours to import."""
    program = Path(check_export.__file__)
    return subprocess.run(
        [sys.executable, "-I", "-S", program, *arguments], capture_output=True, text=True, timeout=60, check=False,
        encoding="utf-8", env={"PYTHONIOENCODING": "utf-8"},
    )  # fmt: skip


def test_an_export_is_whole_for_somebody_who_knows_nothing_of_us(town: Engine, tmp_path: Path) -> None:
    kept, key = tmp_path / "anchor.json", tmp_path / "key"
    kept.write_text(anchor(town).to_json(), encoding="utf-8")
    key.write_bytes(KEY)
    letter(town, 5)
    anchor(town)
    town.erase(first(town), ["phone"], actor=LI, reason="本人要求")
    counts: list[int] = []
    out = io.StringIO()
    found = export_history(town.store, out, progress=counts.append)
    assert found == Exported(cases=CASES + 2, lines=LINES + 6, anchors=2)
    assert sum(counts) == LINES + 6
    file = tmp_path / "export.jsonl"
    file.write_text(out.getvalue(), encoding="utf-8")
    done = run(file, "--anchor", kept, "--key", key)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"{LINES + 6} 行 / lines" in done.stdout
    assert "CANARY" in out.getvalue(), "the other letters still have it"


def test_the_checker_is_of_the_standard_library_only() -> None:
    source = Path(check_export.__file__).read_text(encoding="utf-8")
    imported = {
        line.split()[1].split(".")[0] for line in source.splitlines() if line.startswith(("import ", "from "))
    }
    assert imported <= set(sys.stdlib_module_names)


@pytest.mark.parametrize("tamper", [*SEEN, *HIDDEN], ids=lambda tamper: tamper.__name__)
def test_tampering_with_the_database_shows_in_its_export(
    town: Engine, tmp_path: Path, tamper: Callable[[Engine], None]
) -> None:
    kept, file, case = tmp_path / "anchor.json", tmp_path / "export.jsonl", first(town)
    kept.write_text(anchor(town).to_json(), encoding="utf-8")
    disarm(town)
    tamper(town)
    if tamper in HIDDEN:
        own(town, "delete from {p}anchor")
    exported(town, file)
    if tamper in HIDDEN:
        assert check_export.check(str(file)).faults == 0
    found = check_export.check(str(file), [str(kept)])
    _, seq = {**SEEN, **HIDDEN}[tamper]
    assert f"{case}:{3 if tamper is remove_row else seq}" in found.first, (
        "of a gap, the row behind it is named"
    )
    told = {cut_tail: "cut off", remove_case: "is gone", rehash_case: "written anew"}
    assert told.get(tamper, "") in found.first


@pytest.fixture(scope="module")
def export(town_file: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The rows of an export with one anchor."""
    folder = tmp_path_factory.mktemp("export")
    shutil.copy(town_file, folder / "town.db")
    engine = open_town(f"sqlite:///{folder / 'town.db'}", seed=8, today=date(2025, 6, 23))
    stranger = Actor(person="li", on_behalf_of="张三")  # the length of a hashed field is in bytes
    engine.fire(
        next(c.id for c in engine.search(kind="letter") if not c.closed), "note", stranger, {"remark": "代"}
    )
    anchor(engine)
    exported(engine, folder / "export.jsonl")
    engine.database.dispose()
    return (folder / "export.jsonl").read_text(encoding="utf-8").splitlines()


def check(lines: list[str], tmp_path: Path, *kept: Path) -> check_export.Checker:
    file = tmp_path / "tampered.jsonl"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return check_export.check(str(file), [str(path) for path in kept])


def recounted(lines: list[dict[str, Any]], *, anchors: bool = False) -> list[dict[str, Any]]:
    """The end made good again, and without anchors."""
    kept = [row for row in lines[:-1] if anchors or "anchor" not in row]
    history = [row["history"]["case"] for row in kept if "history" in row]
    kept[0]["cases"] = len(set(history))
    counts = {
        "cases": len(set(history)),
        "lines": len(history),
        "anchors": sum("anchor" in row for row in kept),
    }
    return [*kept, {"end": counts}]


def rechained(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Every line hashed anew."""
    heads: dict[str, str] = {}
    for row in lines:
        if line := row.get("history"):
            line["prev"] = heads.get(line["case"], GENESIS)
            values = {**line, "commitments": canonical(line["commitments"])}
            line["hash"] = heads[line["case"]] = line_hash([values[name] for name in HASHED])
    return lines


def own_the_file(kind: str, lines: list[dict[str, Any]], chance: random.Random) -> list[dict[str, Any]]:
    """One of the eight kinds, anywhere, made good as far as the one who does it can."""
    at = [n for n, row in enumerate(lines) if "history" in row]
    pick, other = chance.sample(at, 2)
    line = lines[pick]["history"]
    if kind == "changed":
        name = chance.choice([name for name in (*HASHED, "hash") if name != "commitments"])
        line[name] = chance.choice([value for value in ("x", None, 77, "0" * 64) if value != line[name]])
    elif kind == "removed":
        inner = [
            n for n in at if n + 1 in at and lines[n + 1]["history"]["case"] == lines[n]["history"]["case"]
        ]
        del lines[chance.choice(inner)]
    elif kind == "inserted":
        lines.insert(pick, json.loads(json.dumps(lines[other])))
    elif kind == "reordered":
        lines[pick], lines[other] = lines[other], lines[pick]
    elif kind == "tail":
        last = [n for n in at if n + 1 not in at or lines[n + 1]["history"]["seq"] == 1]
        del lines[chance.choice(last)]
    elif kind == "case":
        lines = [row for row in lines if row.get("history", {}).get("case") != line["case"]]
    elif kind == "rehashed":
        line["actor"] = "zhao"
        lines = rechained(lines)
    else:
        pairs = [(n, name) for n in at for name in lines[n]["disclosure"] if not name.startswith("@")]
        (one, a), (two, b) = chance.sample(pairs, 2)
        x, y = lines[one]["disclosure"], lines[two]["disclosure"]
        x[a], y[b] = y[b], x[a]
    return lines


KINDS = ["changed", "removed", "inserted", "reordered", "tail", "case", "rehashed", "swapped"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_tampered_file_is_found(export: list[str], tmp_path: Path, kind: str) -> None:
    """Forty of each kind. Those that a chain cannot show need the anchor, which is kept apart."""
    kept = tmp_path / "anchor.json"
    kept.write_text(
        next(json.dumps(json.loads(row)["anchor"]) for row in export if row.startswith('{"anchor"'))
    )
    for seed in range(40):
        lines = own_the_file(kind, [json.loads(row) for row in export], random.Random(f"{kind} {seed}"))
        texts = [json.dumps(row, ensure_ascii=False) for row in recounted(lines)]
        alone, anchored = check(texts, tmp_path), check(texts, tmp_path, kept)
        assert anchored.faults > 1, f"{kind} {seed}"
        assert (alone.faults == 0) is (kind in ("tail", "case", "rehashed")), f"{kind} {seed}: {alone.first}"


@settings(max_examples=300)
@given(st.data())
def test_no_letter_of_a_line_can_be_changed(
    export: list[str], tmp_path_factory: pytest.TempPathFactory, data: Any
) -> None:
    at = data.draw(st.sampled_from([n for n, row in enumerate(export) if row.startswith('{"history"')]))
    row = export[at]
    place = data.draw(st.integers(0, len(row) - 1))
    letter_ = data.draw(st.sampled_from('0aZ"{}[],: 水\\').filter(lambda c: c != row[place]))
    changed = row[:place] + letter_ + row[place + 1 :]
    try:
        if json.loads(changed) == json.loads(row):
            return  # a space beside the values
    except ValueError:
        pass
    found = check([*export[:at], changed, *export[at + 1 :]], tmp_path_factory.getbasetemp())
    assert found.faults
    assert found.first.startswith(f"第 {at + 1} 行 / row {at + 1}: ")


def test_a_line_made_good_for_itself_does_not_fit_the_next(export: list[str], tmp_path: Path) -> None:
    lines = [json.loads(row) for row in export]
    line = next(row["history"] for row in lines if row.get("history", {}).get("event") == "note")
    line["actor"] = "zhao"
    line["hash"] = line_hash(
        [{**line, "commitments": canonical(line["commitments"])}[name] for name in HASHED]
    )
    found = check([json.dumps(row, ensure_ascii=False) for row in recounted(lines)], tmp_path)
    assert found.faults == 1
    assert "does not follow from the line before" in found.first


def test_a_case_told_twice(export: list[str], tmp_path: Path) -> None:
    lines = recounted([json.loads(row) for row in export])
    history = [row for row in lines if "history" in row]
    again = [row for row in history if row["history"]["case"] == history[0]["history"]["case"]]
    counts = {"cases": CASES + 1, "lines": len(history) + len(again), "anchors": 0}
    texts = [json.dumps(row, ensure_ascii=False) for row in [*lines[:-1], *again, {"end": counts}]]
    found = check(texts, tmp_path)
    assert (found.faults, "do not stand together" in found.first) == (1, True)


@pytest.mark.parametrize("name", ["cases", "lines", "anchors"])
def test_counts_that_are_not_those_of_the_rows(export: list[str], tmp_path: Path, name: str) -> None:
    end = json.loads(export[-1])
    end["end"][name] += 1
    assert "counts" in check([*export[:-1], json.dumps(end)], tmp_path).first
    assert (
        "counts"
        in check([export[0].replace(f'"cases":{CASES}', f'"cases":{CASES + 1}'), *export[1:]], tmp_path).first
    )


def test_a_key_that_stands_twice_is_seen(export: list[str], tmp_path: Path) -> None:
    """Or the reader would see one actor and the checker another."""
    at = next(n for n, row in enumerate(export) if row.startswith('{"history"'))
    lines = [*export]
    lines[at] = lines[at].replace('"actor":', '"actor":"zhao","actor":', 1)
    found = check(lines, tmp_path)
    assert f"row {at + 1}: " in found.first
    assert "cannot be read" in found.first


BAD_ANCHORS = {
    "number": ["1", 1.0, -1, 0, None, True],
    "leaves": [[1], None, [["a", "1", "b"]], [["a", 0, "b"]], [[1, 1, 1]]],
}


@pytest.mark.parametrize(("name", "value"), [(n, v) for n, several in BAD_ANCHORS.items() for v in several])
def test_a_file_that_is_no_anchor(
    town: Engine, export: list[str], tmp_path: Path, name: str, value: object, capsys: Any
) -> None:
    file, kept = tmp_path / "export.jsonl", tmp_path / "anchor.json"
    file.write_text("\n".join(export), encoding="utf-8")
    kept.write_text(json.dumps({**json.loads(anchor(town).to_json()), name: value}), encoding="utf-8")
    assert check_export.main([str(file), "--anchor", str(kept)]) == 2
    assert "no anchor" in capsys.readouterr().err
    with pytest.raises(StoreError):
        read_anchor(kept.read_text(encoding="utf-8"))


@pytest.mark.parametrize("keep", [1, 5, -2, -1])
def test_a_file_cut_short(export: list[str], tmp_path: Path, keep: int) -> None:
    assert check(export[:keep], tmp_path).faults


def test_rows_after_the_end_and_rows_of_no_kind(export: list[str], tmp_path: Path) -> None:
    line = next(row for row in export if row.startswith('{"history"') or '"history":' in row)
    for more in ('{"erasure":{"case":"x","fields":{}}}', line, line.replace('"seq":1', '"seq":2')):
        assert "follows the end" in check([*export, more], tmp_path).first
    assert "unknown kind" in check([export[0], '{"x":1}', *export[1:]], tmp_path).first


def test_a_value_taken_out_of_a_file_without_a_note(export: list[str], tmp_path: Path) -> None:
    at = next(n for n, row in enumerate(export) if '"phone":["' in row)
    row = json.loads(export[at])
    del row["disclosure"]["phone"]
    lines = [*export]
    lines[at] = json.dumps(row)
    assert "phone" in check(lines, tmp_path).first
    note = {"erasure": {"case": row["history"]["case"], "fields": {"phone": 1}}}
    noted = check([*lines[:at], json.dumps(note), *lines[at:]], tmp_path)
    assert (noted.faults, "no line" in noted.first) == (1, True)


def test_definitions_of_a_file_are_checked(export: list[str], tmp_path: Path) -> None:
    at = next(n for n, row in enumerate(export) if '"name":"letter"' in row)
    changed = [*export]
    changed[at] = changed[at].replace("来信", "来电", 1)
    assert "letter 1" in check(changed, tmp_path).first
    assert "definition" in check([*export[:at], *export[at + 1 :]], tmp_path).first


def test_the_system_deciding_in_a_file(export: list[str], tmp_path: Path) -> None:
    lines = [json.loads(row) for row in export]
    next(row["history"] for row in lines if row.get("history", {}).get("event") == "close")["actor"] = (
        "system"
    )
    texts = [json.dumps(row, ensure_ascii=False) for row in recounted(rechained(lines))]
    assert "the system decided" in check(texts, tmp_path).first


def in_anchor(lines: list[str], change: Callable[[dict[str, Any]], object]) -> list[str]:
    """The anchor of the file changed."""
    at = next(n for n, row in enumerate(lines) if row.startswith('{"anchor"'))
    body = json.loads(lines[at])
    change(body["anchor"])
    return [*lines[:at], canonical(body), *lines[at + 1 :]]


ANCHORS = {
    "another leaf": (lambda a: a["leaves"][0].__setitem__(2, "0" * 64), "leaves were changed"),
    "another number": (lambda a: a.__setitem__("number", 2), "does not follow"),
    "another before": (lambda a: a.__setitem__("previous", "x"), "does not follow"),
    "another root": (lambda a: a.__setitem__("root", "x"), "not signed with this key"),
    "another signature": (lambda a: a.__setitem__("signature", "x"), "not signed with this key"),
    "no signature": (lambda a: a.__setitem__("signature", None), "no signed one comes after"),
}


@pytest.mark.parametrize("what", ANCHORS)
def test_an_anchor_of_a_file_that_was_changed(export: list[str], tmp_path: Path, what: str) -> None:
    change, told = ANCHORS[what]
    file, key = tmp_path / "tampered", tmp_path / "key"
    key.write_bytes(KEY)
    file.write_text("\n".join(export), encoding="utf-8")
    assert check_export.check(str(file), key=str(key)).faults == 0
    file.write_text("\n".join(in_anchor(export, change)), encoding="utf-8")
    found = check_export.check(str(file), key=str(key))
    assert told in found.first
    assert (check_export.check(str(file)).faults > 0) is (not what.endswith("signature"))


def test_an_anchor_kept_apart_that_is_not_the_one_of_the_file(export: list[str], tmp_path: Path) -> None:
    row = next(row for row in export if row.startswith('{"anchor"'))
    kept = tmp_path / "kept"
    kept.write_text(json.dumps({**json.loads(row)["anchor"], "made_at": "2025"}), encoding="utf-8")
    assert "anchor 1: 与文件中的不同" in check(export, tmp_path, kept).first
    without = [json.dumps(row, ensure_ascii=False) for row in recounted([json.loads(row) for row in export])]
    assert "anchor 1: 文件中没有此锚点" in check(without, tmp_path, kept).first
    kept.write_text(json.dumps({**json.loads(row)["anchor"], "format": "tibandu-anchor-9"}), encoding="utf-8")
    with pytest.raises(check_export.Unreadable, match="tibandu-anchor-9"):
        check(export, tmp_path, kept)
    kept.write_text("{}", encoding="utf-8")
    with pytest.raises(check_export.Unreadable, match="no anchor"):
        check(export, tmp_path, kept)


@pytest.mark.parametrize(
    "head", ["", "x", "[]", "{}", '{"format":"tibandu-export-9","cases":0}', '{"format":1}']
)
def test_what_is_no_export(tmp_path: Path, head: str) -> None:
    with pytest.raises(check_export.Unreadable):
        check([head], tmp_path)


def test_an_event_that_no_definition_has_in_a_file(export: list[str], tmp_path: Path) -> None:
    lines = [json.loads(row) for row in export]
    next(row["history"] for row in lines if row.get("history", {}).get("event") == "note")["event"] = "praise"
    texts = [json.dumps(row, ensure_ascii=False) for row in recounted(rechained(lines))]
    assert "no such event" in check(texts, tmp_path).first


def test_exit_codes(export: list[str], tmp_path: Path) -> None:
    good, bad, none = tmp_path / "good", tmp_path / "bad", tmp_path / "none"
    good.write_text("\n".join(export), encoding="utf-8")
    bad.write_text("\n".join(export).replace('"actor":"li"', '"actor":"zhao"', 1), encoding="utf-8")
    none.write_text("hello\n", encoding="utf-8")
    assert run(good).returncode == 0
    done = run(bad)
    assert done.returncode == 1
    row = next(n for n, text in enumerate(export, 1) if '"actor":"li"' in text)
    assert done.stdout.startswith(f"第 {row} 行 / row {row}: ")
    for arguments in (
        (none,),
        (tmp_path / "absent",),
        (),
        (good, "--anchor", none),
        (good, "--key", tmp_path / "absent"),
    ):
        done = run(*arguments)
        assert done.returncode == 2
        assert done.stderr
        assert "Traceback" not in done.stderr
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\x00")
    assert run(tmp_path / "bytes").returncode == 2


def test_the_command_in_this_process(
    export: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "export"
    file.write_text("\n".join(export), encoding="utf-8")
    assert check_export.main([str(file)]) == 0
    assert "完整 / whole" in capsys.readouterr().out
    file.write_text("\n".join(export[:-1]), encoding="utf-8")
    assert check_export.main([str(file)]) == 1
    assert "文件被截断" in capsys.readouterr().out
    assert check_export.main([str(tmp_path / "absent")]) == 2


def test_a_line_that_no_longer_holds_is_for_verify_to_find(town: Engine) -> None:
    anchor(town)
    disarm(town)
    change_row(town)
    assert anchor(town).number == 2, (
        "a chain that no longer holds is verify's to find; the heads are as they were"
    )
    assert codes(verify(town.store)) == ["hash"]
