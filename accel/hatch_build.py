"""Build hook: compiles the kernels for one target and tags the wheel `py3-none-<platform>`.

`ABI_ACCEL_TARGET` names the target; the default is the machine that builds.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class KernelBuildHook(BuildHookInterface[Any]):
    """Compiles before a wheel is made."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if self.target_name != "wheel" or version == "editable":
            return
        sys.path.insert(0, self.root)
        from abi_accel.build import TARGETS, build, host, same_wheel

        name = os.environ.get("ABI_ACCEL_TARGET") or host()
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{TARGETS[name].tag}"
        for part in same_wheel(name):
            library = build(part, Path(self.root) / "build" / part)
            build_data["force_include"][str(library)] = f"abi_accel/lib/{library.name}"
