"""Fuzz safetensors files.

Invariant: any bytes give tensors that lie in the file and are as long as they say, or
`FormatError`, never another exception.
"""

import contextlib
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["abi.convert"]):
    from abi.convert._safetensors import read_safetensors
    from abi.errors import FormatError, UnsupportedError

PATH = Path(tempfile.mkdtemp()) / "fuzz.safetensors"


def one_input(data: bytes) -> None:
    PATH.write_bytes(data)
    with contextlib.suppress(FormatError):
        found = read_safetensors(PATH)
        assert sum(one.data.size for one in found.values()) <= len(data)
        for one in found.values():
            with contextlib.suppress(UnsupportedError):
                tensor = one.tensor("x")
                assert tensor.data.size == tensor.n_bytes


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
