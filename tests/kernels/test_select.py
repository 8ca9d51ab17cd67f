"""Choosing kernels by call, by environment and by itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from abi import kernels
from abi.errors import KernelError


@pytest.fixture(autouse=True)
def no_choice(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("ABI_KERNELS", raising=False)
    yield
    kernels.use(None)


@pytest.fixture
def no_native(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(kernels.REGISTRY, "native", "abi_nowhere.native:NativeKernels")


def test_what_is_absent_is_passed_over(no_native: None) -> None:
    assert kernels.select().name == "numpy"


def test_the_fastest_comes_first(native_library: Path) -> None:
    assert [c.name for c in kernels.candidates() if c.reason is None] == ["native", "numpy"]
    assert kernels.select().name == "native"


def test_asking_by_name_for_what_is_absent_is_an_error(no_native: None) -> None:
    with pytest.raises(KernelError, match="'native' cannot be used here: No module named"):
        kernels.select("native")
    with pytest.raises(KernelError, match=r"pip install \./accel"):
        kernels.use("native")


def test_an_unknown_name_is_an_error() -> None:
    with pytest.raises(KernelError, match="unknown kernels 'fpga'; expected auto, native, numpy"):
        kernels.select("fpga")


def test_use_beats_the_environment(native_library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ABI_KERNELS", "native")
    assert kernels.select().name == "native"
    kernels.use("numpy")
    assert kernels.select().name == "numpy"
    assert kernels.select("native").name == "native"


def test_an_error_says_that_the_name_came_from_the_environment(
    no_native: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ABI_KERNELS", "native")
    with pytest.raises(KernelError, match="ABI_KERNELS=native: kernels 'native' cannot be used"):
        kernels.select()


def test_the_environment_can_ask_for_automatic_choice(
    no_native: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ABI_KERNELS", "auto")
    assert kernels.select().name == "numpy"


def test_candidates_say_why_not(no_native: None) -> None:
    native, numpy = kernels.candidates()
    assert (numpy.name, numpy.reason) == ("numpy", None)
    assert native.name == "native"
    assert native.reason is not None
    assert "pip install ./accel" in native.reason


def test_a_library_that_does_not_load_is_a_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from abi_accel import _library
    from abi_accel.native import NativeKernels

    broken = tmp_path / "broken.so"
    broken.write_bytes(b"no library")
    _library.load.cache_clear()
    monkeypatch.setenv("ABI_NATIVE_LIBRARY", str(broken))
    reason = NativeKernels.available()
    assert reason is not None
    assert "the library cannot be loaded" in reason
