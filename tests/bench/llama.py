"""llama-bench of the tree that llama-cpp-python brings, at its best; kept for the next time.

    python -m tests.bench.llama FOLDER llama-cpp-python==VERSION

Prints where it is. By clang: gcc 12 drops the stores that configure the matrix unit, and what it
builds is slower. Needs cmake, ninja and scikit-build-core in this Python.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
from pathlib import Path


def build(folder: Path, requirement: str) -> Path:
    """The program, built unless it is there."""
    made = folder / "build" / "bin" / "llama-bench"
    if made.exists():
        return made
    clang = next((found for name in ("clang-19", "clang") if (found := shutil.which(name))), None)
    if clang is None:
        raise SystemExit("clang is not there to build llama.cpp; ABI_LLAMA_BENCH names one built")
    download = ("pip", "download", "--no-deps", "--no-binary", ":all:", "--no-build-isolation")
    _told(sys.executable, "-m", *download, "-d", str(folder), requirement)
    with tarfile.open(next(folder.glob("llama_cpp_python*.tar.gz"))) as archive:
        archive.extractall(folder, filter="data")
    source = next(folder.glob("llama_cpp_python*/vendor/llama.cpp"))
    plus = str(Path(clang).with_name(Path(clang).name.replace("clang", "clang++")))
    options = {
        "CMAKE_C_COMPILER": clang, "CMAKE_CXX_COMPILER": plus, "CMAKE_BUILD_TYPE": "Release",
        "GGML_NATIVE": "ON", "GGML_OPENMP": "OFF", "LLAMA_CURL": "OFF",
    }  # fmt: skip
    flags = [f"-D{name}={value}" for name, value in options.items()]
    _told("cmake", "-B", str(folder / "build"), "-S", str(source), "-G", "Ninja", *flags)
    _told("cmake", "--build", str(folder / "build"), "--target", "llama-bench")
    return made


def _told(*command: str) -> None:
    subprocess.run(command, check=True, stdout=sys.stderr)


if __name__ == "__main__":
    print(build(Path(sys.argv[1]).resolve(), sys.argv[2]))
