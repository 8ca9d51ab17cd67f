"""Fuzz the GGUF reader.

Invariant: any bytes give a file or `FormatError`, never another exception. A file that is
given can be listed, written and read again, and says the same.
"""

import io
import sys

import atheris

with atheris.instrument_imports(include=["abi.gguf", "abi.quant"]):
    from abi.errors import FormatError, InputError
    from abi.gguf import read, write


def one_input(data: bytes) -> None:
    try:
        file = read(data)
    except FormatError as error:
        if not error.field:
            raise AssertionError("an error names its field") from error
        return
    for tensor in file.tensors.values():
        assert tensor.data.nbytes == tensor.n_bytes
    out = io.BytesIO()
    try:
        write(out, file.typed(), list(file.tensors.values()))
    except InputError:  # an empty list of strings has lost its element type
        return
    again = read(out.getvalue())
    assert again.types == file.types
    assert list(again.tensors) == list(file.tensors)


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
