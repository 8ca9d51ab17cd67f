"""Compile the kernels with PyPI's `ziglang`: no compiler of the system is needed.

    python -m abi_accel.build [--target NAME] [--out FOLDER]

One machine builds every target. What computes is compiled once for each instruction set of the
target, and chosen from when the library is loaded. The WASM targets are side modules that Pyodide
loads with plain ctypes; they are linked by hand because they need no Emscripten. There are two: a
module with one instruction that a browser does not know is refused as a whole. The second does not
end in `.so`, as Pyodide loads what does when it installs a wheel.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import sysconfig
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from abi_accel._exports import EXPORTS

__all__ = ["TARGETS", "Target", "build", "host", "same_wheel"]

_MOST_SAID = 4000  # characters of what zig says is wrong
_HERE = Path(__file__).parent
_SOURCES = _HERE / "csrc"
_FLAGS = ("-O3", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-ffp-contract=off", "-fPIC", "-g0")

_AVX2 = ("-mavx2", "-mfma", "-mf16c")
_AVXVNNI = (*_AVX2, "-mavxvnni")
_AVX512 = (*_AVX2, "-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl", "-mavx512vnni")
_AMX = (*_AVX512, "-mamx-tile", "-mamx-int8", "-mamx-bf16", "-mavx512bf16")
_X86: dict[str, tuple[str, ...]] = {
    "scalar": (), "avx2": _AVX2, "avxvnni": _AVXVNNI, "avx512": _AVX512, "amx": _AMX,
}  # fmt: skip
_DOTPROD = "-mcpu=generic+v8_2a+dotprod"
_ARM: dict[str, tuple[str, ...]] = {
    "neon": (), "dotprod": (_DOTPROD,), "i8mm": (f"{_DOTPROD}+i8mm",),
}  # fmt: skip
_PYODIDE = "pyemscripten_2026_0_wasm32"
_WASM = ("-msimd128", "-mno-extended-const")  # the latter is unknown to Node 20


@dataclass(frozen=True)
class Target:
    """A platform: what zig calls it, the library's name, the wheel's platform tag.

    `isas` has the flags of each instruction set, `flags` those of all.
    """

    triple: str
    library: str
    tag: str
    isas: dict[str, tuple[str, ...]]
    flags: tuple[str, ...] = ()


TARGETS: dict[str, Target] = {
    "linux-x86_64": Target("x86_64-linux-gnu.2.17", "abi_accel.so", "manylinux2014_x86_64", _X86),
    "linux-aarch64": Target(
        "aarch64-linux-gnu.2.17", "abi_accel.so", "manylinux2014_aarch64", _ARM
    ),
    "musllinux-x86_64": Target("x86_64-linux-musl", "abi_accel.so", "musllinux_1_2_x86_64", _X86),
    "macos-aarch64": Target("aarch64-macos.11.0", "abi_accel.dylib", "macosx_11_0_arm64", _ARM),
    "macos-x86_64": Target("x86_64-macos.11.0", "abi_accel.dylib", "macosx_11_0_x86_64", _X86),
    "windows-x86_64": Target("x86_64-windows-gnu", "abi_accel.dll", "win_amd64", _X86),
    "wasm32": Target(
        "wasm32-freestanding", "abi_accel.so", _PYODIDE, {"simd128": ()}, _WASM
    ),
    "wasm32-relaxed": Target(
        "wasm32-freestanding", "abi_accel_relaxed.wasm", _PYODIDE, {"relaxed": ()},
        (*_WASM, "-mrelaxed-simd"),
    ),
}  # fmt: skip


def host() -> str:
    """Name of the target that this Python runs on.

    Raises
    ------
    RuntimeError
        If there is no target for this platform.
    """
    platform = sysconfig.get_platform()  # such as linux-x86_64, macosx-11.0-arm64, win-amd64
    system = {"linux": "linux", "macosx": "macos", "win": "windows"}.get(platform.split("-")[0])
    if "musl" in (sysconfig.get_config_var("SOABI") or ""):
        system = "musllinux"
    machine = platform.replace("arm64", "aarch64").replace("amd64", "x86_64")
    for name in TARGETS:
        if system and name == f"{system}-{'aarch64' if 'aarch64' in machine else 'x86_64'}":
            return name
    raise RuntimeError(f"no kernels for {platform}; targets: {', '.join(TARGETS)}")


def same_wheel(name: str) -> list[str]:
    """Names of the targets that go into one wheel with a target, itself among them."""
    return [other for other, target in TARGETS.items() if target.tag == TARGETS[name].tag]


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
    library = folder / target.library
    with tempfile.TemporaryDirectory() as scratch:
        objects = _objects(target, Path(scratch))
        if name.startswith("wasm32"):
            exports = [f"--export={symbol}" for symbol in EXPORTS]
            link = ("wasm-ld", "-shared", "--experimental-pic", "--no-entry")
            unresolved = "--unresolved-symbols=import-dynamic"
            _zig(*link, *exports, unresolved, "-o", str(library), *objects)
        else:
            _zig("cc", "-target", target.triple, "-shared", "-s", "-o", str(library), *objects)
    return library


def _objects(target: Target, scratch: Path) -> list[str]:
    """The object files of a target, compiled side by side, slowest first."""
    jobs: list[tuple[str, str, tuple[str, ...]]] = []
    for source in sorted(_SOURCES.glob("isa/*.c")):
        for isa, flags in target.isas.items():
            jobs.append((str(source), f"{source.stem}-{isa}.o", (*flags, f"-DABI_ISA={isa}")))
    jobs += [(str(path), f"{path.stem}.o", ()) for path in sorted(_SOURCES.glob("*.c"))]

    def compile_(job: tuple[str, str, tuple[str, ...]]) -> str:
        source, made, flags = job
        out = str(scratch / made)
        given = ("-target", target.triple, *_FLAGS, *target.flags, *flags, f"-I{_SOURCES}")
        _zig("cc", *given, "-c", source, "-o", out)
        return out

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(compile_, jobs))


def _zig(*arguments: str) -> None:
    command = [sys.executable, "-m", "ziglang", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"zig {arguments[0]} failed:\n{done.stderr[:_MOST_SAID]}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--target", choices=TARGETS, default=None, help="default: this machine")
    parser.add_argument("--out", type=Path, default=_HERE / "lib")
    args = parser.parse_args()
    print(build(args.target or host(), args.out))


if __name__ == "__main__":
    main()
