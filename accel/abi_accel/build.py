"""Compile the kernels with PyPI's `ziglang`: no compiler of the system is needed.

    python -m abi_accel.build [--target NAME] [--out FOLDER]

One machine builds every target. The WASM target is a side module that Pyodide loads with
plain ctypes; it is linked by hand because it needs no Emscripten.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import sysconfig
import tempfile
from dataclasses import dataclass
from pathlib import Path

__all__ = ["EXPORTS", "TARGETS", "Target", "build", "host"]

EXPORTS = ("abi_q8_quantize", "abi_q8_0_matmul")

_HERE = Path(__file__).parent
_FLAGS = ("-O3", "-std=c11", "-Wall", "-Wextra", "-Werror", "-ffp-contract=off", "-fPIC", "-g0")


@dataclass(frozen=True)
class Target:
    """A platform: what zig calls it, the library's name, the wheel's platform tag."""

    triple: str
    library: str
    tag: str
    flags: tuple[str, ...] = ()


TARGETS: dict[str, Target] = {
    "linux-x86_64": Target("x86_64-linux-gnu.2.17", "abi_accel.so", "manylinux2014_x86_64"),
    "linux-aarch64": Target("aarch64-linux-gnu.2.17", "abi_accel.so", "manylinux2014_aarch64"),
    "macos-aarch64": Target("aarch64-macos.11.0", "abi_accel.dylib", "macosx_11_0_arm64"),
    "macos-x86_64": Target("x86_64-macos.11.0", "abi_accel.dylib", "macosx_11_0_x86_64"),
    "windows-x86_64": Target("x86_64-windows-gnu", "abi_accel.dll", "win_amd64"),
    "wasm32": Target(
        "wasm32-freestanding", "abi_accel.so", "pyemscripten_2026_0_wasm32", ("-msimd128",)
    ),
}


def host() -> str:
    """Name of the target that this Python runs on.

    Raises
    ------
    RuntimeError
        If there is no target for this platform.
    """
    platform = sysconfig.get_platform()  # such as linux-x86_64, macosx-11.0-arm64, win-amd64
    system = {"linux": "linux", "macosx": "macos", "win": "windows"}.get(platform.split("-")[0])
    machine = platform.replace("arm64", "aarch64").replace("amd64", "x86_64")
    for name in TARGETS:
        if system and name == f"{system}-{'aarch64' if 'aarch64' in machine else 'x86_64'}":
            return name
    raise RuntimeError(f"no kernels for {platform}; targets: {', '.join(TARGETS)}")


def build(name: str, folder: Path) -> Path:
    """Compile one target into a folder.

    Returns
    -------
    Path
        The library.

    Raises
    ------
    RuntimeError
        If zig fails; the message is what it printed.
    """
    target = TARGETS[name]
    folder.mkdir(parents=True, exist_ok=True)
    sources = [str(path) for path in sorted((_HERE / "csrc").glob("*.c"))]
    library = folder / target.library
    compile_ = ["cc", "-target", target.triple, *_FLAGS, *target.flags]
    if name != "wasm32":
        _zig(*compile_, "-shared", "-s", "-o", str(library), *sources)
        return library
    with tempfile.TemporaryDirectory() as scratch:
        objects = []
        for source in sources:
            objects.append(str(Path(scratch) / (Path(source).stem + ".o")))
            _zig(*compile_, "-c", source, "-o", objects[-1])
        exports = [f"--export={symbol}" for symbol in EXPORTS]
        link = ("wasm-ld", "-shared", "--experimental-pic", "--no-entry")
        _zig(*link, *exports, "--unresolved-symbols=import-dynamic", "-o", str(library), *objects)
    return library


def _zig(*arguments: str) -> None:
    command = [sys.executable, "-m", "ziglang", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"zig {arguments[0]} failed:\n{done.stderr}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--target", choices=TARGETS, default=None, help="default: this machine")
    parser.add_argument("--out", type=Path, default=_HERE / "lib")
    args = parser.parse_args()
    print(build(args.target or host(), args.out))


if __name__ == "__main__":
    main()
