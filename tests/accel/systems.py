"""Libraries for musl and Windows, run by musl's loader and by Wine, against those of this system.

    python -m tests.accel.systems FOLDER

`driver.c` loads a library and prints hashes of what its products give, for each instruction set,
alone and with threads. They are the same bits on every system. Needs Debian on x86-64, and root,
to install musl and Wine where they are missing.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from abi_accel.build import TARGETS, build, host

HERE = Path(__file__).parent
SOURCES = HERE.parents[1] / "accel" / "abi_accel" / "csrc"
LEAST = 72  # of the plainest set and AVX2


@dataclass(frozen=True)
class System:
    """A target, what the driver needs to be built for it, and what runs it."""

    target: str
    triple: str
    flags: tuple[str, ...] = ()
    package: str = ""
    needs: tuple[Path, ...] = ()
    runner: tuple[str, ...] = ()


WINE = Path("/usr/lib/wine/wine64")
SYSTEMS = (
    System("musllinux-x86_64", "x86_64-linux-musl", ("-dynamic",), "musl",
           (Path("/lib/ld-musl-x86_64.so.1"),)),
    System("windows-x86_64", "x86_64-windows-gnu", (), "wine64", (WINE,), (str(WINE),)),
)  # fmt: skip


def said(system: System, folder: Path) -> dict[str, str]:
    """What the driver prints of the library of a system: hashes by what was computed."""
    place = folder / system.target
    library = build(system.target, place)
    driver = place / "driver.exe"
    source = (f"-I{SOURCES}", str(HERE / "driver.c"), "-o", str(driver))
    command = [sys.executable, "-m", "ziglang", "cc", "-target", system.triple, "-O1", "-Wall"]
    subprocess.run([*command, "-Werror", *system.flags, *source], check=True)
    environment = os.environ | {"WINEPREFIX": str(folder / "wine"), "WINEDEBUG": "-all"}
    done = subprocess.run(
        [*system.runner, str(driver), f"./{library.name}"],
        cwd=place, env=environment, stdout=subprocess.PIPE, text=True, timeout=300, check=True,
    )  # fmt: skip
    return dict(line.rsplit(maxsplit=1) for line in done.stdout.splitlines())


def install(system: System) -> str:
    """Install what runs a system; why that failed, if it did."""
    for command in (("update",), ("install", "-y", "--no-install-recommends", system.package)):
        line = ["apt-get", "-qq", *command]
        try:
            subprocess.run(line, check=True, capture_output=True, text=True, timeout=600)
        except (OSError, subprocess.SubprocessError) as error:
            return str(getattr(error, "stderr", None) or error).strip()[-200:]
    return ""


def main() -> int:
    folder = Path(sys.argv[1]).resolve()
    name = host()
    want = said(System(name, TARGETS[name].triple, ("-ldl",)), folder)
    failed = 0
    for system in SYSTEMS:
        missing = not all(path.exists() for path in system.needs)
        if missing and (reason := install(system)):
            print(f"{system.target}: {system.package} cannot be installed: {reason}")
            failed += 1
            continue
        got = said(system, folder)
        both = want.keys() & got.keys()  # the matrix unit is Linux's alone
        wrong = sorted(case for case in both if got[case] != want[case])
        same = len(both) >= LEAST and not wrong
        failed += not same
        print(f"{system.target}: {len(both)} results, {'the same' if same else wrong[:5]}")
    shutil.rmtree(folder / "wine", ignore_errors=True)
    return failed


if __name__ == "__main__":
    sys.exit(main())
