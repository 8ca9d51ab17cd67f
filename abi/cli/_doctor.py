"""Say what is here: versions, memory, and every kernel set with why it is or is not used."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING, Any

from abi.cli._common import add_json, print_json
from abi.errors import KernelError

if TYPE_CHECKING:
    from abi.kernels import Candidate


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_json(parser)


def run(args: argparse.Namespace) -> None:
    report = _report()
    if args.json:
        print_json(report)
        return
    for key in ("abi", "numpy", "python", "platform", "machine", "cpus", "blas", "blas_threads"):
        print(f"{key.replace('_', ' '):12} {report[key]}")
    memory = report["available_memory_bytes"]
    print(f"{'memory':12} {'unknown' if memory is None else f'{memory / 2**30:.1f} GiB available'}")
    if report["error"]:
        print(f"kernels      {report['error']}")
    for kernel in report["kernels"]:
        usable = f"usable: {kernel['detail']}" if kernel["detail"] else "usable"
        state = usable if kernel["reason"] is None else f"not usable: {kernel['reason']}"
        mark = "*" if kernel["name"] == report["selected"] else " "
        print(f"kernels {mark}    {kernel['name']:8} {state}")


def _report() -> dict[str, Any]:
    import numpy as np

    import abi
    from abi import _platform
    from abi.kernels import candidates, select

    selected, problem = None, None
    try:
        selected = select().name
    except KernelError as error:
        problem = str(error)
    return {
        "abi": abi.__version__,
        "numpy": np.__version__,
        **_platform.describe(),
        "cpus": _platform.cpu_count(),
        "blas": _platform.has_blas(),
        "available_memory_bytes": _platform.available_memory(),
        "selected": selected,
        "error": problem,
        "blas_threads": _threads(),
        "kernels": [
            {
                "name": c.name,
                "reason": c.reason,
                "detail": "" if c.reason else select(c.name).detail,
            }
            for c in candidates()
        ],
    }


def _detail(candidate: Candidate) -> str:
    from abi.kernels import select

    return select(candidate.name).detail if candidate.reason is None else ""


def _threads() -> str:
    """As the environment sets them; fewer are faster where other programs keep cores busy."""
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
        if os.environ.get(name):
            return f"{os.environ[name]} ({name})"
    return "all CPUs (OPENBLAS_NUM_THREADS sets them)"
