"""Codes and partitions saved as arrays: the same when they are mapped back, and arrays that lie."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abi.errors import FormatError, InputError
from abi.index import IVF, LIRE, BinaryCodes, Flat, Int8Codes, PQCodes, Vectors, ivfpq
from tests.index.test_ivf import clustered

METRICS = ["cosine", "ip", "l2"]
N, DIM = 300, 20


def vectors(metric: str = "l2") -> Vectors:
    return Vectors.of(clustered(N, DIM, 9), metric)


@lru_cache(maxsize=None)
def codes(kind: str, metric: str = "l2") -> Any:
    rows = vectors(metric)
    if kind == "ivfpq":
        return ivfpq(rows, 5, 4, 4, opq=True).scorer
    if kind in ("pq8", "pq4"):
        return PQCodes.of(rows, 4, int(kind[2:]))
    return Int8Codes.of(rows) if kind == "int8" else BinaryCodes.of(rows)


KINDS = ["int8", "binary", "pq8", "pq4", "ivfpq"]


def mapped(arrays: Any, folder: Path) -> dict[str, Any]:
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    return {path.stem: np.load(path, mmap_mode="r") for path in folder.glob("*.npy")}


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("kind", KINDS)
def test_codes_mapped_back_score_the_same(kind: str, metric: str, tmp_path: Path) -> None:
    first = codes(kind, metric)
    again = type(first).from_arrays(mapped(first.arrays(), tmp_path), metric)
    queries = clustered(7, DIM, 9, seed=2)
    for n in (1, 7):
        a, b = Flat(first).search(queries[:n], 9), Flat(again).search(queries[:n], 9)
        assert a[0].tolist() == b[0].tolist()
        assert a[1].tolist() == b[1].tolist()


def test_an_ivfpq_mapped_back_finds_the_same(tmp_path: Path) -> None:
    index = ivfpq(vectors(), 5, 4, 4, nprobe=3)
    (tmp_path / "codes").mkdir()
    (tmp_path / "index").mkdir()
    assert isinstance(index.scorer, PQCodes)
    held = PQCodes.from_arrays(mapped(index.scorer.arrays(), tmp_path / "codes"), "l2")
    again = IVF.from_arrays(mapped(index.arrays(), tmp_path / "index"), held)
    queries = clustered(7, DIM, 9, seed=2)
    assert again.search(queries, 9)[0].tolist() == index.search(queries, 9)[0].tolist()


@pytest.mark.parametrize("kind", KINDS)
def test_every_array_is_needed_as_it_is(kind: str) -> None:
    """But for a rotation, which may be none, and the width, which is what arrays say it is."""
    first = codes(kind)
    for name, array in first.arrays().items():
        width = name == "words" or (kind, name) == ("int8", "codes")
        cut = array[None] if width else array[..., :-1]
        for wrong in (None, array.astype(np.complex64), array[None], cut):
            held = {**first.arrays(), name: wrong}
            if wrong is None and name == "rotation" and kind == "ivfpq":
                continue
            with pytest.raises(FormatError, match="expected"):
                type(first).from_arrays({k: v for k, v in held.items() if v is not None}, "l2")


@pytest.mark.parametrize("kind", KINDS)
def test_floats_that_are_no_numbers_are_refused(kind: str) -> None:
    first = codes(kind)
    for name, array in first.arrays().items():
        if array.dtype == np.float32:
            for wrong in (np.nan, np.inf):
                held = array.copy()
                held[(-1,) * held.ndim] = wrong
                with pytest.raises(FormatError, match=f"{name}: numbers that are not finite"):
                    type(first).from_arrays({**first.arrays(), name: held}, "l2")


@pytest.mark.parametrize("label", [-1, 5, 2**31 - 1])
def test_labels_that_name_no_centroid_are_refused(label: int) -> None:
    arrays = codes("ivfpq").arrays()
    wrong = arrays["labels"].copy()
    wrong[7] = label
    with pytest.raises(FormatError, match="labels: expected 0 to 4"):
        PQCodes.from_arrays({**arrays, "labels": wrong}, "l2")


def test_words_of_another_number_are_refused() -> None:
    arrays = codes("pq8").arrays()
    for words in (arrays["words"][:, :255], arrays["words"][:, :0], arrays["words"][:0]):
        with pytest.raises(FormatError, match="words"):
            PQCodes.from_arrays({**arrays, "words": words}, "l2")


def test_bits_beyond_the_dimension_are_refused() -> None:
    arrays = codes("binary").arrays()
    wrong = arrays["codes"].copy()
    wrong[3, 0] |= np.uint64(1 << DIM)
    with pytest.raises(FormatError, match="codes: bits beyond the dimension, 20"):
        BinaryCodes.from_arrays({**arrays, "codes": wrong}, "l2")


@pytest.mark.parametrize("kind", KINDS)
def test_metrics_of_bits_are_refused(kind: str) -> None:
    with pytest.raises(InputError, match="metric='hamming': expected one of cosine, ip, l2"):
        type(codes(kind)).from_arrays(codes(kind).arrays(), "hamming")


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    kind=st.sampled_from([*KINDS, "lire"]),
    data=st.data(),
    byte=st.integers(0, 255),
)
def test_flipped_bytes_are_read_or_refused(kind: str, data: st.DataObject, byte: int) -> None:
    """Whatever a byte turns into: FormatError, or an index that can be searched."""
    lire = LIRE.build(vectors(), 4, split_limit=120) if kind == "lire" else None
    arrays = dict(lire.arrays() if lire else codes(kind).arrays())
    name = data.draw(st.sampled_from(sorted(arrays)))
    raw = bytearray(arrays[name].tobytes())
    raw[data.draw(st.integers(0, len(raw) - 1))] = byte
    arrays[name] = np.frombuffer(bytes(raw), arrays[name].dtype).reshape(arrays[name].shape)
    queries = clustered(3, DIM, 9, seed=2)
    with np.errstate(all="ignore"):
        try:
            if lire:
                LIRE.from_arrays(arrays, vectors()).index().search(queries, 5)
            else:
                Flat(type(codes(kind)).from_arrays(arrays, "l2")).search(queries, 5)
        except FormatError:
            pass
