"""Which processors each thread is bound to: none, a core each, or those of a NUMA node each.

`ABI_AFFINITY` says. Without it threads are bound to nodes where the process may use more than one,
in turn, so that the weights, which all threads pack, lie in the memories of all nodes, and none is
read by all alone. The thread that calls is the caller's own, and is left as it is.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from abi.errors import KernelError

__all__ = ["MASK_BYTES", "bound", "masks", "numbers", "policy"]

MASK_BYTES = 128  # of a thread's mask: 1,024 processors
_POLICIES = ("none", "cores", "nodes")
_SYSTEM = Path("/sys/devices/system")


def policy(system: Path = _SYSTEM) -> str:
    """What `ABI_AFFINITY` says, or what suits this machine.

    Raises
    ------
    KernelError
        If it is no policy, or this system cannot bind threads.
    """
    can = hasattr(os, "sched_getaffinity")
    asked = os.environ.get("ABI_AFFINITY")
    if not asked:
        return "nodes" if can and len(_nodes(_usable(), system)) > 1 else "none"
    if asked not in _POLICIES:
        raise KernelError(f"ABI_AFFINITY={asked}: expected {', '.join(_POLICIES)}")
    if asked != "none" and not can:
        raise KernelError(f"ABI_AFFINITY={asked}: threads can be bound on Linux only; leave it out")
    return asked


def bound(policy: str, count: int, system: Path = _SYSTEM) -> list[list[int]]:
    """Processors of each of `count` threads; of none if it is not bound."""
    if policy == "none":
        return [[] for _ in range(count)]
    usable = _usable()
    places = _nodes(usable, system) if policy == "nodes" else _cores(usable, system)
    return [places[i % len(places)] for i in range(count)]


def masks(processors: list[list[int]]) -> bytes:
    """Bits of processors, `MASK_BYTES` a thread; what lies beyond is left out."""
    wide = 1 << 8 * MASK_BYTES
    bits = (sum(1 << cpu for cpu in cpus) % wide for cpus in processors)
    return b"".join(one.to_bytes(MASK_BYTES, "little") for one in bits)


def _usable() -> set[int]:
    """Processors that this process may use."""
    return set(os.sched_getaffinity(0))


def _cores(usable: set[int], system: Path) -> list[list[int]]:
    """One processor each; those that share a core with an earlier one come last."""
    first: list[list[int]] = []
    others: list[list[int]] = []
    taken: set[int] = set()
    for cpu in sorted(usable):
        siblings = _listed(system / f"cpu/cpu{cpu}/topology/thread_siblings_list")
        (others if taken & siblings else first).append([cpu])
        taken |= siblings
    return first + others


def _nodes(usable: set[int], system: Path) -> list[list[int]]:
    """Processors of each node, of those that may be used; one node where nothing is known."""
    paths = system.glob("node/node[0-9]*/cpulist")
    found = [_listed(path) & usable for path in sorted(paths, key=_number)]
    return [sorted(cpus) for cpus in found if cpus] or [sorted(usable)]


def _number(path: Path) -> int:
    return int(path.parent.name.removeprefix("node"))


def _listed(path: Path) -> set[int]:
    """Processors that a file lists; none if it is not there."""
    try:
        return numbers(path.read_text(encoding="ascii"))
    except OSError:
        return set()


def numbers(text: str) -> set[int]:
    """Those of a list such as `0-3,8`."""
    cpus: set[int] = set()
    for first, last in re.findall(r"(\d+)(?:-(\d+))?", text):
        cpus.update(range(int(first), int(last or first) + 1))
    return cpus
