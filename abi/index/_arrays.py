"""Arrays from a file, checked before they are believed.

What is checked is what every reader needs: that an array is there, its dtype, its shape, and that
its floats are numbers. What the numbers mean is checked by who knows it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from abi.errors import FormatError, InputError

__all__ = ["check_metric", "taken"]


def taken(
    arrays: Mapping[str, npt.NDArray[Any]],
    name: str,
    dtype: npt.DTypeLike,
    shape: tuple[int | None, ...],
) -> npt.NDArray[Any]:
    """An array that must be there.

    Parameters
    ----------
    arrays : mapping of str to array
    name : str
    dtype : dtype
    shape : tuple of int or None
        None fits any length.

    Raises
    ------
    FormatError
        If it is missing, of another dtype or shape, or holds a float that is no number.
    """
    array = arrays.get(name)
    wanted = "(" + ", ".join("any" if n is None else str(n) for n in shape) + ")"
    if array is None:
        raise FormatError(f"missing, expected {np.dtype(dtype)} {wanted}", field=name)
    fits = array.dtype == dtype and array.ndim == len(shape)
    if not fits or any(n not in (None, m) for n, m in zip(shape, array.shape, strict=True)):
        got = f"{array.dtype} {array.shape}"
        raise FormatError(f"{got}, expected {np.dtype(dtype)} {wanted}", field=name)
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise FormatError("numbers that are not finite", field=name)
    return array


def check_metric(metric: str) -> None:
    """Raise InputError unless codes of float vectors can be compared so."""
    if metric not in ("cosine", "ip", "l2"):
        raise InputError(f"metric={metric!r}: expected one of cosine, ip, l2")
