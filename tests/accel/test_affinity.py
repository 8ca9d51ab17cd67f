"""What threads are bound to, by the files of a system, and by the system itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from abi_accel import _affinity

from abi.errors import KernelError

LINUX = hasattr(os, "sched_getaffinity")

pytestmark = pytest.mark.skipif(not LINUX, reason="threads can be bound on Linux only")

WHERE = """
import json, numpy as np
from pathlib import Path
from abi.kernels import select
from abi.quant import Tensor

kernels = select("native")
weight = kernels.pack(Tensor.from_array("w", np.ones((256, 256)), "Q8_0"))
for _ in range(3):
    assert (abs(kernels.matmul(np.ones((4, 256), np.float32), weight) - 256) < 1).all()
def allowed(task):
    lines = (task / "status").read_text().splitlines()
    return next(line.split()[1] for line in lines if line.startswith("Cpus_allowed_list"))
tasks = sorted(Path("/proc/self/task").iterdir(), key=lambda task: int(task.name))
print(json.dumps([kernels.detail, [allowed(task) for task in tasks]]))
"""


def tree(system: Path, nodes: dict[int, str], siblings: dict[int, str]) -> Path:
    """Files as Linux has them."""
    for node, cpus in nodes.items():
        (system / f"node/node{node}").mkdir(parents=True)
        (system / f"node/node{node}/cpulist").write_text(f"{cpus}\n")
    for cpu, others in siblings.items():
        (system / f"cpu/cpu{cpu}/topology").mkdir(parents=True)
        (system / f"cpu/cpu{cpu}/topology/thread_siblings_list").write_text(f"{others}\n")
    return system


def usable(monkeypatch: pytest.MonkeyPatch, cpus: set[int]) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: cpus)
    monkeypatch.delenv("ABI_AFFINITY", raising=False)


def test_nodes_have_threads_in_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usable(monkeypatch, set(range(1, 12)))
    system = tree(tmp_path, {0: "0-3,8-9", 2: "", 10: "4-7,10-11"}, {})
    assert _affinity.policy(system) == "nodes"
    first, second = [1, 2, 3, 8, 9], [4, 5, 6, 7, 10, 11]
    assert _affinity.bound("nodes", 3, system) == [first, second, first]


def test_one_node_binds_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usable(monkeypatch, {0, 1})
    system = tree(tmp_path, {0: "0-1", 1: "2-3"}, {})
    assert _affinity.policy(system) == "none"
    assert _affinity.bound("none", 2, system) == [[], []]
    assert _affinity.masks([[], []]) == bytes(2 * _affinity.MASK_BYTES)


def test_nothing_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usable(monkeypatch, {3, 5})
    assert _affinity.policy(tmp_path) == "none"
    assert _affinity.bound("nodes", 2, tmp_path) == [[3, 5], [3, 5]]
    assert _affinity.bound("cores", 3, tmp_path) == [[3], [5], [3]]


def test_cores_come_before_what_shares_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usable(monkeypatch, {0, 1, 2, 4, 5})
    system = tree(tmp_path, {}, {0: "0,4", 4: "0,4", 1: "1,5", 5: "1,5", 2: "2,6"})
    assert _affinity.bound("cores", 6, system) == [[0], [1], [2], [4], [5], [0]]


def test_masks_have_a_bit_a_processor() -> None:
    got = _affinity.masks([[0, 9], [1023, 1024]])
    assert got[:2] == bytes([1, 2]) and not any(got[2:128])
    assert got[255] == 128 and not any(got[128:255])


def test_a_policy_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ABI_AFFINITY", "core")
    with pytest.raises(KernelError, match="ABI_AFFINITY=core: expected none, cores, nodes"):
        _affinity.policy()


@pytest.mark.skipif(LINUX and len(os.sched_getaffinity(0)) < 2, reason="one processor")
@pytest.mark.parametrize("policy", ["none", "cores", "nodes"])
def test_threads_run_where_they_are_bound(native_library: Path, policy: str) -> None:
    environment = os.environ | {
        "ABI_AFFINITY": policy, "ABI_THREADS": "3", "OPENBLAS_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", WHERE], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    detail, tasks = json.loads(done.stdout)
    assert detail.endswith("3 threads" + ("" if policy == "none" else f" bound to {policy}"))
    own = sorted(os.sched_getaffinity(0))
    want = [own, *(cpus or own for cpus in _affinity.bound(policy, 3)[1:])]
    assert [sorted(_affinity.numbers(task)) for task in tasks] == want
