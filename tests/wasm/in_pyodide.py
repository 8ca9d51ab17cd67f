"""Run inside Pyodide by `test_pyodide.py`; the last value is what the test reads."""

import json
import os
from pathlib import Path
from typing import Any

os.environ["ABI_NATIVE_LIBRARY"] = "/mnt/abi_accel.so"

import abi
from abi.kernels import candidates, conformance, select
from tests.documents.files import pdf
from tests.wasm import library
from tests.wasm.shared import features, fixed_product, story

report: dict[str, Any] = {"candidates": {c.name: c.reason for c in candidates()}}
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

place = Path("/mnt/place").read_text()  # a path of the machine, here in memory
Path(place).mkdir(parents=True)
report["library"] = {
    "documents": library.documents(place),
    "embedded": library.embedded(),
    "converted": library.converted("/mnt/tiny-bert", place),
    "demo": library.demo(),
    "refused": library.refused(),
    "without pypdf": library.without_pypdf(pdf("one")),
}
json.dumps(report)
