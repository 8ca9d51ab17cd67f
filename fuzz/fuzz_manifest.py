"""Fuzz the manifest reader.

Invariant: any text gives a manifest or `FormatError`, never another exception. One that is given
names no file outside its folder, and is the same when it is written and read again.
"""

import sys
import zlib

import atheris

with atheris.instrument_imports(include=["abi.store"]):
    from abi.errors import FormatError
    from abi.store._manifest import Manifest, manifest_files
    from abi.store.files import MemoryFiles

NAME = "manifest-0000000001"


def read(data: bytes) -> Manifest | None:
    files = MemoryFiles()
    files.contents[NAME] = bytearray(data)
    try:
        return Manifest.read(files, NAME)
    except FormatError:
        return None


def one_input(data: bytes) -> None:
    read(data)
    text = data.replace(b"\n", b" ")
    manifest = read(b"%08x %s\n" % (zlib.crc32(text), text) * 2)
    if manifest is None:
        return
    for name in manifest.files():
        assert "/" not in name and "\\" not in name and name.strip(".")
    files = MemoryFiles()
    written = manifest.write(files)
    ((_, name),) = manifest_files(files.list())
    assert Manifest.read(files, name) == written


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
