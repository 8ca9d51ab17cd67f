"""Models in several files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from abi.errors import FormatError
from abi.gguf import Typed, ValueType, read, write
from abi.quant import Tensor


def part(folder: Path, no: int, count: int, names: list[str], total: int = 3) -> Path:
    path = folder / f"m-{no + 1:05d}-of-{count:05d}.gguf"
    metadata = {
        "split.no": Typed(no, ValueType.UINT16),
        "split.count": Typed(count, ValueType.UINT16),
        "split.tensors.count": Typed(total, ValueType.INT32),
    }
    if no == 0:
        metadata["general.architecture"] = Typed("llama", ValueType.STRING)
    write(path, metadata, [Tensor.from_array(name, np.full(4, ord(name))) for name in names])
    return path


def test_any_part_opens_the_whole(tmp_path: Path) -> None:
    first, second = part(tmp_path, 0, 2, ["a", "b"]), part(tmp_path, 1, 2, ["c"])
    for path in (first, second):
        file = read(path)
        assert list(file.tensors) == ["a", "b", "c"]
        assert file.metadata["general.architecture"] == "llama"
        assert file.tensors["c"].to_float32().tolist() == [99.0] * 4


def test_a_missing_part_is_named(tmp_path: Path) -> None:
    path = part(tmp_path, 0, 2, ["a", "b"])
    with pytest.raises(FormatError, match=r"part 2 of 2 is missing: .*m-00002-of-00002\.gguf"):
        read(path)


def test_a_tensor_in_two_parts_is_refused(tmp_path: Path) -> None:
    path = part(tmp_path, 0, 2, ["a", "b"])
    part(tmp_path, 1, 2, ["b"])
    with pytest.raises(FormatError, match="the tensor is in two parts"):
        read(path)


def test_missing_tensors_are_counted(tmp_path: Path) -> None:
    path = part(tmp_path, 0, 2, ["a"])
    part(tmp_path, 1, 2, ["b"])
    with pytest.raises(FormatError, match="2 tensors in all parts, expected 3"):
        read(path)


def test_a_part_under_another_name_is_refused(tmp_path: Path) -> None:
    path = part(tmp_path, 0, 2, ["a", "b"])
    path.rename(tmp_path / "renamed.gguf")
    with pytest.raises(FormatError, match="open it by a path named like"):
        read(tmp_path / "renamed.gguf")


def test_parts_that_disagree_are_refused(tmp_path: Path) -> None:
    first = part(tmp_path, 0, 2, ["a", "b"])
    (tmp_path / "m-00002-of-00002.gguf").write_bytes(first.read_bytes())
    with pytest.raises(FormatError, match="says part 0 of 2, expected 1 of 2"):
        read(first)
