"""`abi db` as a person uses it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import abi
from abi.cli import main
from abi.store._pack import Pack

LINES = """\
{"id": 1, "vector": [1, 0.5], "payload": {"year": 2020}, "text": "a red fox"}
{"id": "x", "vector": [0, 1], "text": "é"}

{"id": 3, "payload": {"a": [1, {"b": null}]}}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "points.jsonl").write_text(LINES, encoding="utf-8")
    return tmp_path


def out(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["db", *arguments]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    return captured.out


def err(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["db", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    return captured.err.removeprefix("abi db: error: ").rstrip("\n")


def parsed(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    return json.loads(out(capsys, *arguments, "--json"))


def filled(capsys: pytest.CaptureFixture[str]) -> None:
    text = out(capsys, "import", "data", "notes", "points.jsonl", "--dim", "2")
    assert text == "notes: 3 points read\n"


def test_what_is_imported_is_exported(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    filled(capsys)
    lines = out(capsys, "export", "data", "notes").splitlines()
    expected = [json.loads(line) for line in LINES.splitlines() if line]
    assert [json.loads(line) for line in lines] == expected
    (folder / "again.jsonl").write_text("\n".join(lines), encoding="utf-8")
    out(capsys, "import", "new", "notes", "again.jsonl", "--dim", "2", "--metric", "l2")
    assert out(capsys, "export", "new", "notes").splitlines() == lines


def test_named_vectors_go_through(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with abi.open("data") as db:
        db.create_collection("a", vectors={"x": 2, "y": 1})
    line = '{"id": 7, "vectors": {"x": [1.0, 0.0]}}\n{"id": 8, "vectors": {"x": [2, 0], "y": [5]}}'
    (folder / "points.jsonl").write_text(line)
    out(capsys, "import", "data", "a", "points.jsonl")
    assert [json.loads(text) for text in out(capsys, "export", "data", "a").splitlines()] == [
        {"id": 7, "vectors": {"x": [1, 0]}},
        {"id": 8, "vectors": {"x": [2, 0], "y": [5]}},
    ]


def test_a_collection_of_texts_alone(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "points.jsonl").write_text('{"id": 1, "text": "words"}')
    out(capsys, "import", "data", "texts", "points.jsonl", "--dim", "0")
    with abi.open("data", "r") as db:
        assert [hit.id for hit in db["texts"].search(text="words")] == [1]


def test_info_and_list(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    filled(capsys)
    lines = out(capsys, "info", "data").splitlines()
    assert re.fullmatch(r"data: sequence 2, [\d.]+ kB", lines[0])
    assert lines[1] == "can go back to its beginning"
    assert re.fullmatch(r"notes: 3 points, 2 x cosine, 1 segment, [\d.]+ kB", lines[2])
    assert out(capsys, "list", "data") == "notes\n"
    info = parsed(capsys, "info", "data")
    assert info["collections"]["notes"]["points"] == 3
    assert info["collections"]["notes"]["vectors"][""]["metric"] == "cosine"
    assert parsed(capsys, "list", "data") == ["notes"]
    assert parsed(capsys, "info", "data", "--at", "1")["collections"]["notes"]["points"] == 0


def test_backup_and_restore(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    filled(capsys)
    assert out(capsys, "backup", "data", "backup").startswith("backup: up to sequence 2; 2 files")
    assert parsed(capsys, "backup", "data", "backup")["kept"] == 1
    text = out(capsys, "restore", "backup", "then", "--to", "1")
    assert re.fullmatch(r"then: the state after sequence 1, 20\d\d-.*Z\n", text)
    assert out(capsys, "export", "then", "notes") == ""
    assert parsed(capsys, "restore", "data", "now", "--to", "2")["sequence"] == 2
    assert out(capsys, "export", "now", "notes") == out(capsys, "export", "data", "notes")


def test_check_and_compact(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    filled(capsys)
    well = "data: every checksum is right, and every index fits its data\n"
    assert out(capsys, "check", "data") == well
    with abi.open("data") as db:
        db["notes"].delete([1])
    assert re.fullmatch(r"data: .* before, .* after\n", out(capsys, "compact", "data"))
    (segment,) = (folder / "data").glob("*-segment")
    damage(segment, "column/0/int/codes")
    told = err(capsys, "check", "data")
    assert re.search(r"-segment, offset \d+, column/0/int/codes: damaged: checksum", told)
    assert out(capsys, "check", "data", "--repair") == (
        f"collection 'notes': {told}; made again from the data\n{well}"
    )
    assert out(capsys, "check", "data") == well
    assert parsed(capsys, "check", "data", "--repair") == {"repaired": [], "problems": []}
    (segment,) = (folder / "data").glob("*-segment")
    damage(segment, "ids/data")
    for options in ([], ["--repair"]):
        told = err(capsys, "check", "data", *options)
        assert re.search(r"-segment, offset 0, ids/data: damaged: checksum", told)


def damage(segment: Path, array: str) -> None:
    """Flip a bit of an array."""
    data = bytearray(segment.read_bytes())
    _, _, start, _, _ = Pack(memoryview(bytes(data)), "")._entries[array]
    data[start] ^= 1
    segment.write_bytes(data)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["info", "nope"], "nope: no such folder; expected the folder of a database"),
        (["info", "points.jsonl"], "points.jsonl: a file; expected the folder of a database"),
        (["list", "empty"], "empty: no database in this folder"),
        (["info", "data", "more"], "info takes FOLDER; got 2 names"),
        (["backup", "data"], "backup takes FOLDER INTO; got 1 names"),
        (["backup", "data", "data"], "data: cannot be its own backup; name another folder"),
        (["restore", "data", "new"], "restore needs --to: a time (2026-11-23T10:00:00Z) or a seq"),
        (["restore", "data", "new", "--to", "soon"], "'soon' is no moment; give a time such as"),
        (["restore", "data", "new", "--to", "99"], "data: ends with sequence 2; got 99"),
        (["restore", "data", "data", "--to", "1"], "data: not empty; name a folder that does not"),
        (["check", "data", "--to", "1"], "--to is for restore; --at reads a past state"),
        (["check", "nope", "--repair"], "nope: no such folder; expected the folder of a database"),
        (["info", "data", "--repair"], "--repair is for check"),
        (["check", "data", "--at", "1"], "--at is for info, list and export; --to says what"),
        (["check", "data", "--dim", "1"], "--dim is for import"),
        (["export", "data", "notes", "x.csv"], "x.csv: format not known; expected one of jsonl"),
        (["export", "data", "notes", "--format", "npy"], "--format npy needs a FILE to write to"),
        (["export", "data", "notes", "x.npy"], "has no vector ''; JSON lines and Parquet keep it"),
        (["export", "data", "notes", "x.parquet"], "ids are both integers and strings; JSON lin"),
        (["import", "data", "a", "-", "--format", "npy"], "--format npy needs a FILE to read from"),
        (["import", "data", "a", "."], "chroma.sqlite3"),
        (["import", "data", "a", "points.jsonl", "--format", "csv"], "--format 'csv': expected"),
        (["import", "data", "notes", "points.jsonl", "--force"], "--force is for export"),
        (["info", "data", "--format", "npy"], "--format and --using are for import and export"),
        (["info", "data", "--metric", "l2"], "--metric is for import"),
        (["export", "data", "other"], "data: no collection 'other'; there are: 'notes'"),
        (["import", "data", "other", "points.jsonl"], "no collection 'other'; --dim N makes it"),
        (["import", "fresh", "a", "points.jsonl"], "no collection 'a'; --dim N makes it"),
        (["import", "fresh", "a", "nope.jsonl", "--dim", "2"], "nope.jsonl: No such file"),
        (["import", "data", "notes", "bad.jsonl"], "bad.jsonl, line 2: no JSON: Expecting value"),
        (["import", "data", "notes", "wide.jsonl"], "vectors: shape (1, 3), expected (n, 2)"),
        (
            ["import", "data", "notes", "noid.jsonl"],
            "noid.jsonl, line 1: expected an object",
        ),
        (["import", "data", "notes", "odd.jsonl"], "odd.jsonl, line 1: unknown 'name'; put other"),
        (["import", "data", "notes", "twice.jsonl"], "ids: 1 is there twice; give each id once"),
        (
            ["import", "data", "a", "points.jsonl", "--dim", "2", "--metric", "x"],
            "--metric 'x': e",
        ),
        (["import", "data", "notes", "points.jsonl", "--dim", "3"], "is there already with other"),
    ],
)
def test_mistakes(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    filled(capsys)
    (folder / "empty").mkdir()
    for name, text in {
        "bad": '{"id": 1}\nxx',
        "wide": '{"id": 1, "vector": [1, 2, 3]}',
        "noid": '{"vector": [1, 2]}',
        "odd": '{"id": 1, "name": "x"}',
        "twice": '{"id": 1}\n{"id": 1}',
    }.items():
        (folder / f"{name}.jsonl").write_text(text)
    before = out(capsys, "export", "data", "notes")
    assert message in err(capsys, *arguments)
    assert out(capsys, "export", "data", "notes") == before
    assert not (folder / "fresh").exists()
    assert not (folder / "new").exists()


@pytest.mark.parametrize("end", ["jsonl", "npy", "parquet"])
def test_files_of_every_format_go_through(
    folder: Path, capsys: pytest.CaptureFixture[str], end: str
) -> None:
    if end == "parquet":
        pytest.importorskip("pyarrow", reason="Parquet needs pyarrow: pip install '.[test]'")
    with abi.open("data") as db:
        notes = db.create_collection("notes", dim=2, metric="ip")
        notes.upsert([1, 2], [[1, 2], [3, 4]], [{"a": [1]}, None], [None, "é"])
    file = f"points.{end}"
    (folder / "points.jsonl").unlink()
    assert out(capsys, "export", "data", "notes", file) == f"{file}: 2 points written\n"
    told = err(capsys, "export", "data", "notes", file)
    assert told == f"{file} exists; name another file, or replace it with --force"
    assert parsed(capsys, "export", "data", "notes", file, "--force") == {"points": 2}
    made = ["--dim", "2"] if end == "jsonl" else []
    assert out(capsys, "import", "new", "notes", file, *made) == "notes: 2 points read\n"
    assert out(capsys, "export", "new", "notes") == out(capsys, "export", "data", "notes")
    metric = parsed(capsys, "info", "new")["collections"]["notes"]["vectors"][""]["metric"]
    assert metric == ("ip" if end == "parquet" else "cosine")  # the only one that says it


def test_files_of_others_are_read(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = Path(__file__).parents[1] / "data" / "foreign"
    vectors = np.load(data / "vectors.npy")
    n, dim = vectors.shape
    out(capsys, "import", "data", "faiss", str(data / "flat-ip.faiss"))
    hnswlib = [str(data / "l2.hnswlib"), "--format", "hnswlib", "--dim", str(dim)]
    out(capsys, "import", "data", "hnswlib", *hnswlib, "--metric", "l2", "--using", "x")
    told = err(capsys, "import", "data", "chroma", str(data / "chroma"))
    assert "'indexed-cosine'" in told
    chroma = ["import", "data", "chroma", str(data / "chroma"), "--source", "indexed-cosine"]
    assert out(capsys, *chroma).endswith(" points read\n")
    with abi.open("data", "r") as db:
        assert db.collections() == ["faiss", "hnswlib", "chroma"]
        assert len(db["faiss"]) == n
        best = int((vectors @ vectors[3]).argmax())
        assert db["faiss"].search(vectors[3], k=1)[0].id == best
        assert db["hnswlib"].config.vectors["x"].metric == "l2"
        assert db["chroma"].config.vectors[""].metric == "cosine"
        assert any(point.payload for point in db["chroma"].points())


def test_a_first_import_that_fails_leaves_nothing(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "expected (n, 7)" in err(capsys, "import", "data", "a", "points.jsonl", "--dim", "7")
    assert parsed(capsys, "list", "data") == []
    assert out(capsys, "import", "data", "a", "points.jsonl", "--dim", "2") == "a: 3 points read\n"
    (folder / "wide.jsonl").write_text('{"id": 9, "vector": [1, 2, 3]}')
    assert "expected (n, 2)" in err(capsys, "import", "data", "a", "wide.jsonl")
    assert parsed(capsys, "list", "data") == ["a"]


def test_a_bad_line_says_what_is_in_before_it(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [f'{{"id": {i}, "vector": [1, 2]}}' for i in range(1500)]
    (folder / "bad.jsonl").write_text("\n".join([*lines, "{"]))
    told = err(capsys, "import", "data", "a", "bad.jsonl", "--dim", "2")
    assert told.startswith("bad.jsonl, line 1501: no JSON: ")
    assert told.endswith("; the 1000 points before are read in")
