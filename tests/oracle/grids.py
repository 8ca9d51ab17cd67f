"""Print the packed grids of `abi/quant/_grids.py`, from those of the `gguf` package.

python -m tests.oracle.grids
"""

from __future__ import annotations

import base64
import zlib
from typing import Any

import gguf.quants
import numpy as np

NAMES = ("IQ1_S", "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ3_XXS", "IQ3_S")
_WIDTH = 84


def pack(grid: Any) -> str:
    """Rows as rising numbers, least digit first; their differences, low bytes then high ones."""
    levels, digits = np.unique(grid, return_inverse=True)
    numbers = digits.reshape(grid.shape) @ len(levels) ** np.arange(grid.shape[1])
    steps = np.diff(numbers, prepend=0)
    assert (steps >= 0).all(), "the rows must rise"
    raw = steps.astype("<u2").view(np.uint8).reshape(-1, 2).T.tobytes()
    return base64.b85encode(zlib.compress(raw, 9)).decode()


def main() -> None:
    for name in NAMES:
        source = getattr(gguf.quants, name)
        source.init_grid()
        text = pack(source.grid.reshape(source.grid_shape))
        print(f'    "{name}": (')
        for start in range(0, len(text), _WIDTH):
            print(f'        "{text[start : start + _WIDTH]}"')
        print("    ),")


if __name__ == "__main__":
    main()
