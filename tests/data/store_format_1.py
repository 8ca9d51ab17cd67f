"""Made store_format_1/ and store_format_1.json, with the last commit of format 1, 6964917.

PYTHONPATH=<clone at that commit> python store_format_1.py <folder>
"""

import json
import os
import shutil
import sys
from pathlib import Path

import numpy as np

import abi
from abi.store import _indexing  # type: ignore[attr-defined]

_indexing._LEAST = 20
folder = sys.argv[1]
shutil.rmtree(folder, ignore_errors=True)
rng = np.random.default_rng(0)
v = rng.normal(size=(60, 4)).astype(np.float32)
db = abi.open(folder)
a = db.create_collection("notes", dim=4, index="hnsw", metric="l2")
texts = ["searches in 검색을 utf8Decoder", "plain words", None]
payloads = [{"n": i, "tags": ["a", i % 3]} for i in range(40)]
a.upsert(list(range(40)), v[:40], payloads, [texts[i % 3] for i in range(40)])
b = db.create_collection("bits", dim=16, metric="hamming", index="flat")
b.upsert(["x", "y"], np.array([[1, 2], [3, 4]], np.uint8))
db.compact()
a.delete([0, 1, 2])
a.upsert([3, 50], v[50:52], [{"n": -3}, {"n": 50}])
db.checkpoint()
a.upsert([51, "s"], v[52:54], [{"n": 51}, None], ["in the log alone", "검색을"])
a.delete([4])
# as a killed process leaves it: with the log
shutil.copytree(folder, folder + "-kept", ignore=shutil.ignore_patterns("lock"))
points = [
    [p.id, p.payload, p.text, np.asarray(p.vector).tolist()] for p in a.points(with_vectors=True)
]
out = {"sequence": db.sequence, "points": sorted(points, key=lambda p: str(p[0]))}
db.close()
shutil.rmtree(folder)
os.rename(folder + "-kept", folder)
Path(folder + ".json").write_text(json.dumps(out, ensure_ascii=False), "utf-8")
