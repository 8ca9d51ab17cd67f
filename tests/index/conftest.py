"""Every test of indexes is of the NumPy kernels and of the C kernels."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from abi.kernels import _select


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    metafunc.parametrize("_kernels", ["numpy", "native"], indirect=True, scope="module")


@pytest.fixture(scope="module", autouse=True)
def _kernels(request: pytest.FixtureRequest, built_native: Path) -> Iterator[None]:
    """The kernels that are chosen; a state machine is a test of its own kind, and has one."""
    from abi_accel import _library

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ABI_KERNELS", getattr(request, "param", "native"))
        patch.setenv("ABI_NATIVE_LIBRARY", str(built_native))
        _library.load.cache_clear()
        _select._instance.cache_clear()
        for each in vars(request.module).values():  # what was made with other kernels
            getattr(each, "cache_clear", lambda: None)()
        yield
    _library.load.cache_clear()
    _select._instance.cache_clear()
