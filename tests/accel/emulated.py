"""Tests with the kernels for aarch64, under qemu-user and Debian's Python for that machine.

    python -m tests.accel.emulated FOLDER TEST... [pytest options]

Needs Debian, root and its mirror: qemu-user is installed, packages and wheels for aarch64 are
unpacked into the folder, which is kept for the next time, and the library is built by zig.
"""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from pathlib import Path

from abi_accel.build import build

ROOT = Path(__file__).parents[2]
LIBRARIES = (
    "libc6", "libgcc-s1", "libstdc++6", "libexpat1", "zlib1g", "libssl3", "libffi8", "libsqlite3-0",
    "libbz2-1.0", "liblzma5", "libuuid1", "libcrypt1",
)  # fmt: skip
WHEELS = ("numpy", "jinja2", "tqdm", "pytest", "hypothesis", "gguf")
PLATFORMS = ("manylinux_2_28_aarch64", "manylinux2014_aarch64")


def told(*command: str) -> str:
    """What a command prints."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def prepare(folder: Path) -> Path:
    """Python of the other machine; its libraries go into `folder/root`, packages `folder/site`."""
    told("dpkg", "--add-architecture", "arm64")
    told("apt-get", "update", "-qq")
    told("apt-get", "install", "-y", "-qq", "qemu-user")
    depends = told("apt-cache", "depends", "python3-minimal:arm64")
    version = re.findall(r"python(3\.\d+)-minimal", depends)[0]
    python = folder / "root" / "usr" / "bin" / f"python{version}"
    if python.exists():
        return python
    folder.mkdir(parents=True, exist_ok=True)
    parts = (
        f"python{version}-minimal",
        f"libpython{version}-minimal",
        f"libpython{version}-stdlib",
    )
    names = [f"{name}:arm64" for name in (*LIBRARIES, *parts)]
    subprocess.run(["apt-get", "download", "-qq", *names], cwd=folder, check=True)
    for package in folder.glob("*.deb"):
        told("dpkg-deb", "-x", str(package), str(folder / "root"))
    fetch = [sys.executable, "-m", "pip", "download", "-q", "--only-binary", ":all:"]
    fetch += [f"--platform={name}" for name in PLATFORMS]
    told(*fetch, "--python-version", version, "-d", str(folder / "wheels"), *WHEELS)
    for wheel in (folder / "wheels").glob("*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(folder / "site")
    return python


def main() -> int:
    folder, *given = sys.argv[1:]
    where = Path(folder).resolve()
    python = prepare(where)
    library = build("linux-aarch64", where / "lib")
    path = ":".join(map(str, (where / "site", ROOT, ROOT / "accel")))
    environment = {
        "PYTHONPATH": path, "ABI_TEST_NATIVE": str(library), "ABI_REQUIRE": "native",
        "ABI_NATIVE_LIBRARY": str(library), "OPENBLAS_NUM_THREADS": "1",
    }  # fmt: skip
    options = [part for pair in environment.items() for part in ("-E", "=".join(pair))]
    command = ["qemu-aarch64", "-L", str(where / "root"), *options, str(python), "-m", "pytest"]
    return subprocess.run([*command, "-p", "no:cacheprovider", *given], cwd=ROOT).returncode


if __name__ == "__main__":
    sys.exit(main())
