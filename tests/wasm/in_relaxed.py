"""Run inside Pyodide by `test_relaxed.py`; the last value is what the test reads."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import abi_accel
from abi_accel import _library

from abi.kernels import conformance, select
from tests.wasm.shared import fixed_product, story

folder = Path(abi_accel.__file__).parent / "lib"
folder.mkdir()
for name in ("abi_accel.so", "abi_accel_relaxed.wasm"):
    shutil.copy(f"/mnt/{name}", folder)

report: dict[str, Any] = {"chosen": _library.load().isa}
checks = conformance.run(select("native"), int8_activations=True)
report["checks"] = len(checks)
report["failed"] = [c.name for c in checks if not c.ok]
report["product"] = fixed_product(select("native"))
report["tokens"] = story("/mnt/model.gguf", "native")
os.environ["ABI_NATIVE_ISA"] = "simd128"
_library.load.cache_clear()
report["forced"] = _library.load().isa
json.dumps(report)
