"""Saving an HNSW index as arrays, and arrays that lie."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abi.errors import FormatError
from abi.index import HNSW, Vectors

Arrays = dict[str, npt.NDArray[Any]]

DATA = np.random.default_rng(0).standard_normal((400, 8), np.float32)
VECTORS = Vectors.of(DATA, "l2")
INDEX = HNSW.build(VECTORS, M=4, ef_construction=40, ef=33, seed=5)
INDEX.remove([3, 77])


def arrays() -> Arrays:
    return {name: array.copy() for name, array in INDEX.arrays().items()}


def test_what_is_mapped_back_is_the_same(tmp_path: Path) -> None:
    for name, array in INDEX.arrays().items():
        np.save(tmp_path / f"{name}.npy", array)
    mapped = {p.stem: np.load(p, mmap_mode="r") for p in tmp_path.glob("*.npy")}
    again = HNSW.from_arrays(mapped, VECTORS)
    assert (again.M, again.ef_construction, again.ef, again.seed) == (4, 40, 33, 5)
    assert (again.search(DATA, 5)[0] == INDEX.search(DATA, 5)[0]).all()


def test_a_mapped_index_can_be_changed(tmp_path: Path) -> None:
    for name, array in INDEX.arrays().items():
        np.save(tmp_path / f"{name}.npy", array)
    mapped = {p.stem: np.load(p, mmap_mode="r") for p in tmp_path.glob("*.npy")}
    again, straight = HNSW.from_arrays(mapped, VECTORS), HNSW.from_arrays(arrays(), VECTORS)
    more = Vectors.of(np.concatenate((DATA, DATA[:50] + 1)), "l2")
    for index in (again, straight):
        index.remove([5])
        index.add(more)
    assert (again.graph.links == straight.graph.links).all()


def test_an_empty_index_is_saved_too() -> None:
    none = Vectors.of(DATA[:0], "l2")
    index = HNSW.from_arrays(HNSW.build(none).arrays(), none)
    index.add(VECTORS)
    assert index.search(DATA[:1], 1)[0].tolist() == [[0]]


@pytest.mark.parametrize("name", ["levels", "links", "upper", "upper_start", "params"])
def test_a_missing_array(name: str) -> None:
    held = arrays()
    del held[name]
    with pytest.raises(FormatError, match=f"{name}: missing, expected"):
        HNSW.from_arrays(held, VECTORS)


@pytest.mark.parametrize("name", ["levels", "links", "upper", "upper_start", "params"])
def test_an_array_of_another_kind_or_length(name: str) -> None:
    for wrong in (
        arrays()[name].astype(np.float32),
        arrays()[name][None],
        arrays()[name][:-1] if name != "upper" else arrays()[name][:, :-1],
        arrays()[name][:0] if name != "upper" else arrays()[name][:3],
    ):
        with pytest.raises(FormatError):
            HNSW.from_arrays({**arrays(), name: wrong}, VECTORS)


def test_fewer_vectors_than_rows() -> None:
    with pytest.raises(FormatError, match=r"levels: shape \(400,\), expected \(399,\)"):
        HNSW.from_arrays(arrays(), Vectors.of(DATA[:399], "l2"))


@pytest.mark.parametrize(
    ("name", "place", "value", "message"),
    [
        ("links", (9, 0), 400, "links from -1 to 400, expected -1 to 399"),
        ("links", (9, 0), -2, "links from -2 to 399"),
        ("links", (9, 0), 77, "list 9 leads to a row that is not on its layer"),
        ("upper", (2, 0), 2**31 - 1, "upper: links from -1 to"),
        ("params", 4, 400, "entry 400 is not of the top level"),
        ("params", 4, -1, "entry -1 is not of the top level"),
        ("params", 4, -(2**40), "entry is -1099511627776"),
        ("params", 0, 0, "M is 0, expected 2 or more"),
        ("params", 0, 5, "expected .* for M 5"),
        ("params", 1, 2**62, "ef_construction is"),
        ("params", 2, 0, "ef is 0"),
        ("params", 3, -1, "seed is -1"),
    ],
)
def test_numbers_that_lead_astray(name: str, place: Any, value: int, message: str) -> None:
    held = arrays()
    held[name][place] = value
    with pytest.raises(FormatError, match=message):
        HNSW.from_arrays(held, VECTORS)


def test_an_upper_list_that_leads_to_a_lower_row() -> None:
    held = arrays()
    row = int(np.flatnonzero(held["levels"] == 1)[0])
    held["upper"][held["upper_start"][row], 0] = int(np.flatnonzero(held["levels"] == 0)[0])
    with pytest.raises(FormatError, match=r"upper: list .* not on its layer"):
        HNSW.from_arrays(held, VECTORS)


@pytest.mark.parametrize("start", [-1, 10**6, -(2**31)])
def test_a_start_outside_the_upper_lists(start: int) -> None:
    held = arrays()
    held["upper_start"][int(np.flatnonzero(held["levels"] == 1)[0])] = start
    with pytest.raises(FormatError, match=f"upper_start: row .* of level 1 starts at {start}"):
        HNSW.from_arrays(held, VECTORS)


@given(st.sampled_from(sorted(arrays())), st.data())
@settings(max_examples=300, deadline=None, derandomize=True)
def test_damaged_arrays_are_refused_or_work(name: str, data: st.DataObject) -> None:
    """Whatever a byte becomes: one error type, or an index that searches, adds and removes."""
    held = arrays()
    raw = held[name].view(np.uint8).reshape(-1)
    raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    try:
        index = HNSW.from_arrays(held, VECTORS)
    except FormatError:
        return
    index.ef, index.ef_construction = min(index.ef, 50), min(index.ef_construction, 50)
    index.search(DATA[:5], 3)
    index.remove([int(np.flatnonzero(index.graph.levels != 255)[0])])
    index.add(Vectors.of(np.concatenate((DATA, DATA[:3])), "l2"))
    index.search(DATA[:5], 3, np.arange(403) < 300)
