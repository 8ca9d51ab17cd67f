"""Where does this run? The only module that asks.

Everything that differs between CPython on a server, a small device and Pyodide in a
browser tab is a function here, so that the rest of the core reads the same everywhere.
"""

from __future__ import annotations

import contextlib
import io
import mmap
import os
import sys
import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import IO

__all__ = [
    "IN_PYODIDE",
    "Lock",
    "Worker",
    "available_memory",
    "cache_folder",
    "cpu_count",
    "deepest_nesting",
    "describe",
    "has_blas",
    "has_sockets",
    "map_file",
    "peak_memory",
    "process_name",
    "sync_file",
    "sync_folder",
    "thread_seconds",
    "try_lock",
]

IN_PYODIDE = sys.platform == "emscripten"

Lock = threading.RLock  # importable in Pyodide too, where nobody contends for it

_WASM_HEAP_LIMIT = 4 << 30  # Pyodide is built with MAXIMUM_MEMORY=4GB


class Worker:
    """Runs something beside what goes on; where there are no threads, right away.

    Parameters
    ----------
    task : callable
        It must catch its own errors.
    """

    def __init__(self, task: Callable[[], None]) -> None:
        self._thread: threading.Thread | None = None
        if IN_PYODIDE:
            task()
            return
        self._thread = threading.Thread(target=task, name="abi", daemon=True)
        self._thread.start()

    def busy(self) -> bool:
        """Whether it is not done yet."""
        return self._thread is not None and self._thread.is_alive()


def has_blas() -> bool:
    """Whether NumPy's matrix product calls a BLAS (Pyodide's NumPy has none)."""
    return not IN_PYODIDE


def deepest_nesting() -> int | None:
    """Levels that Python's readers of JSON and of its own code surely take; None where they raise
    RecursionError in time. In Pyodide they overflow JavaScript's stack, which ends it.
    """
    return 500 if IN_PYODIDE else None


def has_sockets() -> bool:
    """Whether Python can open connections (in a browser only JavaScript can)."""
    return not IN_PYODIDE


def cache_folder() -> Path:
    """Where this platform keeps what can be fetched again; it need not exist yet."""
    home = Path(os.path.expanduser("~"))
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local") / "abi"
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / "abi"
    return Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache") / "abi"


def data_folder() -> Path:
    """Where this platform keeps what a user made; it need not exist yet."""
    home = Path(os.path.expanduser("~"))
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local") / "abi" / "data"
    if sys.platform == "darwin":
        return home / "Library" / "Application Support" / "abi"
    given = Path(os.environ.get("XDG_DATA_HOME", ""))
    return (given if given.is_absolute() else home / ".local" / "share") / "abi"


def try_lock(file: IO[bytes]) -> bool:
    """Lock an open file against other processes, without waiting.

    The lock goes when the file is closed or the process ends, however it ends. True as well
    where the platform or the file system has no locks.
    """
    if IN_PYODIDE:  # whose flock does nothing
        return _lock_within(file)
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except (ImportError, OSError):
        pass
    return True


def sync_file(number: int) -> None:
    """Make what was written to an open file outlast a loss of power.

    Raises
    ------
    OSError
        If the device says that it did not.
    """
    if sys.platform == "darwin":  # fsync alone leaves it in the disk's own cache
        import fcntl

        with contextlib.suppress(OSError):  # file systems without it
            fcntl.fcntl(number, fcntl.F_FULLFSYNC)
            return
    getattr(os, "fdatasync", os.fsync)(number)


def sync_folder(path: Path) -> None:
    """Make renames in a folder outlast a loss of power, where the platform can."""
    with contextlib.suppress(OSError):  # Windows opens no folders
        number = os.open(path, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)


def cpu_count() -> int:
    """CPUs this process may use, affinity and a container's quota respected."""
    if not hasattr(os, "sched_getaffinity"):
        return os.cpu_count() or 1
    return min(len(os.sched_getaffinity(0)), _cgroup_cpus() or sys.maxsize)


def available_memory() -> int | None:
    """Bytes that can be allocated without swapping; None where nothing tells."""
    if IN_PYODIDE:
        return _WASM_HEAP_LIMIT - _wasm_heap()
    limits = [n for n in (_meminfo_available(), _cgroup_available()) if n is not None]
    return min(limits) if limits else None


def peak_memory() -> int | None:
    """Largest resident size of this process so far, in bytes; None where nothing tells.

    In Pyodide the WebAssembly memory: files in memory, and JavaScript, are beside it.
    """
    if IN_PYODIDE:
        return _wasm_heap()
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024 or None


def thread_seconds() -> float:
    """Processor time of this thread; wall-clock time where nothing tells."""
    return _clock()


def map_file(file: IO[bytes]) -> memoryview:
    """The whole of an open binary file as read-only bytes, mapped where that works.

    Raises
    ------
    OSError
        If the file can be neither mapped nor read.
    """
    # Other objects with a file number, such as GzipFile, hold something else than the file.
    if isinstance(file, io.BufferedReader | io.BufferedRandom | io.FileIO):
        try:
            return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        except (OSError, ValueError):
            pass  # an empty file, a pipe, or a file system without mmap
    return memoryview(file.read()).toreadonly()


def process_name() -> dict[str, str | int]:
    """Who this process is, for others that meet its locks."""
    import platform

    program = Path(sys.argv[0] or "python").name
    return {"pid": os.getpid(), "host": platform.node(), "program": program}


def describe() -> dict[str, str]:
    """Name and version of the platform, for reports."""
    return {
        "python": sys.version.split()[0],
        "platform": sys.platform,
        "machine": os.uname().machine if hasattr(os, "uname") else "unknown",
    }


_clock = time.perf_counter if IN_PYODIDE else getattr(time, "thread_time", time.perf_counter)


_locked: dict[tuple[int, int], weakref.ref[IO[bytes]]] = {}


def _lock_within(file: IO[bytes]) -> bool:
    """Lock an open file against others of this process, as long as it is open."""
    status = os.fstat(file.fileno())
    place = status.st_dev, status.st_ino
    holder = _locked[place]() if place in _locked else None
    if holder is not None and not holder.closed:
        return False
    _locked[place] = weakref.ref(file)
    return True


def _wasm_heap() -> int:
    """Bytes that the WebAssembly memory has grown to; it never shrinks."""
    from pyodide_js import _module

    size: int = _module.HEAPU8.byteLength
    return size


def _meminfo_available() -> int | None:
    try:
        with open("/proc/meminfo", encoding="ascii") as lines:
            for line in lines:
                if line.startswith("MemAvailable:"):
                    return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    return None


def _cgroup_cpus() -> int | None:
    """Whole CPUs of a container's quota, at least one; None where there is none."""
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split()
        return max(1, int(quota) // int(period))
    except (OSError, ValueError):  # no such file, or "max"
        return None


def _cgroup_available() -> int | None:
    root = Path("/sys/fs/cgroup")
    try:
        limit = int((root / "memory.max").read_text())
        used = int((root / "memory.current").read_text())
        stat = dict(line.split() for line in (root / "memory.stat").read_text().splitlines())
        # Cached files count as used and are given back when memory is asked for.
        return max(0, limit - used + int(stat.get("inactive_file", 0)))
    except (OSError, ValueError):  # no cgroup v2, or the limit is "max"
        return None
