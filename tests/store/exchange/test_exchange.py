"""Points into files and back: nothing changes on the way, and nothing is half written."""

from __future__ import annotations

import datetime
import decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from abi.errors import AbiError, FormatError, InputError, UnsupportedError
from abi.store import Collection, Database
from abi.store.exchange import read_points, write_points
from abi.store.files import MemoryFiles

pa = pytest.importorskip("pyarrow", reason="Parquet needs pyarrow: pip install '.[test]'")
pq = pytest.importorskip("pyarrow.parquet", reason="as above")

DATA = Path(__file__).parents[2] / "data" / "foreign"


def collection(db: Database | None = None, **options: Any) -> Collection:
    options = options or {"dim": 4}
    return (db or Database(MemoryFiles())).create_collection("a", **options)


def filled(n: int = 2500, **options: Any) -> Collection:
    notes = collection(**options)
    rng = np.random.default_rng(0)
    notes.upsert(
        [f"id {i}" for i in range(n)],
        rng.normal(size=(n, 4)).astype(np.float32),
        [None if i % 7 == 0 else {"n": i, "deep": {"list": [i, "é", None]}} for i in range(n)],
        [f"text {i}\n\"'" if i % 3 else None for i in range(n)],
    )
    return notes


def contents(points: Collection) -> list[Any]:
    return [
        (p.id, p.payload, p.text, {k: v.tolist() for k, v in (p.vectors or {}).items()})
        for p in points.points(with_vectors=True)
    ]


def through(notes: Collection, path: Path, size: int = 1000, using: str = "") -> Collection:
    """Written, and read into another collection of the same settings."""
    assert write_points(notes, path, using=using) == len(notes)
    again = Database(MemoryFiles()).create_collection(
        "b",
        vectors={k: {"dim": v.dim, "metric": v.metric} for k, v in notes.config.vectors.items()},
    )
    source = read_points(path, using=using)
    assert source.n in (None, len(notes))
    for batch in source.batches(size):
        assert len(batch["ids"]) <= size
        again.upsert(**batch)
    return again


@pytest.mark.parametrize("end", ["jsonl", "npy", "parquet"])
def test_all_comes_back_as_it_was(tmp_path: Path, end: str) -> None:
    notes = filled()
    assert contents(through(notes, tmp_path / f"x.{end}")) == contents(notes)
    left = {path.suffix for path in tmp_path.iterdir()}
    assert left == ({".npy", ".jsonl"} if end == "npy" else {f".{end}"})


@pytest.mark.parametrize("end", ["jsonl", "npy", "parquet"])
def test_an_empty_collection_goes_through(tmp_path: Path, end: str) -> None:
    assert len(through(collection(), tmp_path / f"x.{end}")) == 0


@pytest.mark.parametrize("end", ["jsonl", "npy", "parquet"])
def test_integers_and_bits_go_through(tmp_path: Path, end: str) -> None:
    notes = collection(dim=16, metric="hamming")
    notes.upsert([2**64 - 1, 0], np.array([[1, 255], [0, 7]], np.uint8))
    assert contents(through(notes, tmp_path / f"x.{end}")) == contents(notes)


@pytest.mark.parametrize("end", ["jsonl", "npy", "parquet"])
def test_several_vectors_go_through(tmp_path: Path, end: str) -> None:
    notes = collection(vectors={"x": 2, "y": 3})
    notes.upsert([1, 2], {"x": [[1, 2], [3, 4]], "y": [None, [5, 6, 7]]})
    again = through(notes, tmp_path / f"x.{end}", using="x" if end == "npy" else "")
    assert contents(again) == contents(notes)


def test_metrics_go_through(tmp_path: Path) -> None:
    notes = collection(vectors={"x": {"dim": 2, "metric": "l2"}, "y": {"dim": 3, "metric": "ip"}})
    write_points(notes, tmp_path / "x.parquet")
    source = read_points(tmp_path / "x.parquet")
    assert (source.dims, source.metric) == ({"x": 2, "y": 3}, None)
    assert source.metrics == {"x": "l2", "y": "ip"}


@pytest.mark.parametrize("end", ["jsonl", "parquet"])
def test_points_without_vectors_go_through(tmp_path: Path, end: str) -> None:
    notes = collection()
    notes.upsert([1, 2], [None, [1, 2, 3, 4]], [{"a": 1}, {}], ["x", None])
    assert contents(through(notes, tmp_path / f"x.{end}")) == contents(notes)


def test_what_a_format_cannot_hold_is_refused_and_nothing_is_left(tmp_path: Path) -> None:
    notes = collection()
    notes.upsert([1, "x"], [None, [1, 2, 3, 4]])
    with pytest.raises(InputError, match=r"x.npy: 1 has no vector ''; JSON lines and Parquet keep"):
        write_points(notes, tmp_path / "x.npy")
    with pytest.raises(InputError, match="ids are both integers and strings; JSON lines keep both"):
        write_points(notes, tmp_path / "x.parquet")
    several = collection(vectors={"x": 2, "y": 3})
    with pytest.raises(InputError, match="needs one vector; this collection has 'x', 'y'"):
        write_points(several, tmp_path / "x.npy")
    with pytest.raises(InputError, match=r"x.txt: format not known; expected one of jsonl, npy"):
        write_points(notes, tmp_path / "x.txt")
    with pytest.raises(
        InputError, match=r"the lines beside the array have this name; call it .npy"
    ):
        write_points(collection(), tmp_path / "x.jsonl", "npy")
    with pytest.raises(InputError, match="format faiss; expected one of jsonl, npy, parquet"):
        write_points(notes, tmp_path / "x", "faiss")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("end", ["jsonl", "npy", "parquet"])
def test_a_file_is_replaced_only_by_force(tmp_path: Path, end: str) -> None:
    path = tmp_path / f"x.{end}"
    path.write_text("mine")
    with pytest.raises(InputError, match=f"x.{end} exists; name another file, or replace it with"):
        write_points(filled(3), path)
    assert path.read_text() == "mine"
    assert write_points(filled(3), path, force=True) == 3
    assert read_points(path).n in (3, None)


def test_an_array_alone_has_running_ids(tmp_path: Path) -> None:
    data = np.arange(12, dtype=np.float64).reshape(3, 4)
    np.save(tmp_path / "x.npy", data)
    source = read_points(tmp_path / "x.npy")
    assert (source.dims, source.n) == ({"": 4}, 3)
    found = list(source.batches(2))
    assert [batch["ids"] for batch in found] == [[0, 1], [2]]
    assert np.array_equal(np.concatenate([batch["vectors"][""] for batch in found]), data)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: p.write_bytes(b""), "no .npy file"),
        (lambda p: p.write_bytes(b"\x93NUMPY\x01\x00\xff\xff{"), "no .npy file"),
        (lambda p: np.save(p, np.zeros(3)), r"float64 \(3,\); expected \(n, dim\) numbers"),
        (lambda p: np.save(p, np.array([["a"]])), r"<U1 \(1, 1\); expected"),
        (lambda p: np.save(p, np.array([[{}]]), allow_pickle=True), "no .npy file"),
    ],
)
def test_what_is_no_array_of_rows_is_refused(tmp_path: Path, make: Any, message: str) -> None:
    make(tmp_path / "x.npy")
    with pytest.raises(FormatError, match=message):
        read_points(tmp_path / "x.npy")


def test_lines_beside_an_array_are_as_many(tmp_path: Path) -> None:
    write_points(filled(5), tmp_path / "x.npy")
    lines = (tmp_path / "x.jsonl").read_text().splitlines()
    (tmp_path / "x.jsonl").write_text("\n".join(lines[1:]))
    with pytest.raises(InputError, match=r"x.jsonl: 4 lines for 5 rows of .*x.npy"):
        read_points(tmp_path / "x.npy")


def test_any_table_is_read(tmp_path: Path) -> None:
    day = datetime.date(2026, 11, 26)
    table = pa.table(
        {
            "embedding": pa.array([[1.0, 2.0], [3.0, 4.0]], pa.list_(pa.float64())),
            "text": ["one", None],
            "when": [day, None],
            "price": [decimal.Decimal("1.50"), decimal.Decimal("2.25")],
            "tags": [["a", "b"], []],
            "deep": [{"x": 1}, {"x": None}],
        }
    )
    pq.write_table(table, tmp_path / "x.parquet")
    source = read_points(tmp_path / "x.parquet")
    assert (source.dims, source.metric, source.n) == (None, None, 2)
    notes = collection(dim=2)
    for batch in source.batches(1):
        notes.upsert(**batch)
    assert contents(notes) == [
        (
            0,
            {"when": "2026-11-26", "price": 1.5, "tags": ["a", "b"], "deep": {"x": 1}},
            "one",
            {"": [1, 2]},
        ),
        (1, {"price": 2.25, "tags": [], "deep": {"x": None}}, None, {"": [3, 4]}),
    ]


def test_columns_that_are_not_clear_are_refused(tmp_path: Path) -> None:
    two = pa.table({"a": [[1.0]], "b": [[2.0]]})
    pq.write_table(two, tmp_path / "two.parquet")
    with pytest.raises(InputError, match="columns 'a', 'b' are lists of floats; call one of them"):
        read_points(tmp_path / "two.parquet")
    pq.write_table(pa.table({"vector": [[1.0], [1.0, 2.0]]}), tmp_path / "ragged.parquet")
    (batch,) = read_points(tmp_path / "ragged.parquet").batches(10)
    with pytest.raises(InputError, match="vectors"):
        collection(dim=1).upsert(**batch)
    pq.write_table(pa.table({"vector": ["a", "b"]}), tmp_path / "text.parquet")
    with pytest.raises(InputError, match="column 'vector' is string; expected lists of numbers"):
        read_points(tmp_path / "text.parquet")
    pq.write_table(pa.table({"payload": ["[1]"], "n": [1]}), tmp_path / "list.parquet")
    with pytest.raises(InputError, match=r"payload '\[1\]'; expected an object"):
        list(read_points(tmp_path / "list.parquet").batches(10))
    pq.write_table(pa.table([[1], [2]], names=["a", "a"]), tmp_path / "twice.parquet")
    with pytest.raises(FormatError, match="two columns of one name"):
        read_points(tmp_path / "twice.parquet")
    pq.write_table(pa.table({"id": [1], "payload": ["{"]}), tmp_path / "bad.parquet")
    with pytest.raises(InputError, match=r"bad.parquet: payload '\{' is no JSON"):
        list(read_points(tmp_path / "bad.parquet").batches(10))


def test_parquet_that_is_cut_or_changed_is_an_error_or_points(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    write_points(filled(50), path)
    whole = path.read_bytes()
    refused = 0
    rng = np.random.default_rng(0)
    for at in rng.choice(len(whole), 150, replace=False).tolist():
        for data in (whole[:at], whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :]):
            path.write_bytes(data)
            try:
                for batch in read_points(path).batches(20):
                    assert len(batch["ids"]) <= 20
            except AbiError:
                refused += 1
    assert refused > 150


def test_files_of_others_are_known_by_their_content(tmp_path: Path) -> None:
    data = np.load(DATA / "vectors.npy")
    path = tmp_path / "plain"
    path.write_bytes((DATA / "flat-l2.faiss").read_bytes())
    source = read_points(path, using="x")
    assert (source.dims, source.metric, source.n) == ({"x": data.shape[1]}, "l2", len(data))
    (batch,) = source.batches(1000)
    assert np.array_equal(batch["vectors"]["x"], data)
    chroma = read_points(DATA / "chroma", collection="indexed-l2")
    assert chroma.n == sum(len(batch["ids"]) for batch in chroma.batches(7))
    with pytest.raises(InputError, match="hnswlib's files do not say their dimension; give dim"):
        read_points(DATA / "l2.hnswlib", "hnswlib")
    assert read_points(DATA / "l2.hnswlib", "hnswlib", dim=data.shape[1]).n
    with pytest.raises(UnsupportedError):
        read_points(DATA / "pq.faiss")


def test_a_format_that_is_not_known_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"anything")
    with pytest.raises(InputError, match="its name does not say what format it has; say which of"):
        read_points(tmp_path / "x")
    with pytest.raises(InputError, match="format='csv': expected one of jsonl, npy, parquet"):
        read_points(tmp_path / "x", "csv")
    with pytest.raises(FileNotFoundError):
        read_points(tmp_path / "no.jsonl")
