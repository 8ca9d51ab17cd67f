"""Run inside Pyodide by `test_pyodide.py`; the last value is what the test reads."""

import json
import os

os.environ["ABI_NATIVE_LIBRARY"] = "/mnt/abi_accel.so"

import abi
from abi.kernels import candidates, conformance, select
from tests.wasm.shared import features, fixed_product, story

report = {"candidates": {c.name: c.reason for c in candidates()}}
report["features"] = features()
for name in ("numpy", "native"):
    checks = conformance.run(select(name), int8_activations=name == "native")
    report[name] = {
        "checks": len(checks),
        "failed": [c.name for c in checks if not c.ok],
        "product": fixed_product(select(name)),
        "tokens": story("/mnt/model.gguf", name),
        "tiny": abi.load(kernels=name).generate("", max_tokens=8, temperature=0).read(),
    }
json.dumps(report)
