"""What runs both natively and in Pyodide, so that the results can be compared."""

import hashlib
import os
import tempfile
from typing import Any

import numpy as np

import abi
from abi.index import HNSW, Vectors, subset
from abi.kernels import NumpyKernels
from abi.quant import Tensor

__all__ = ["features", "fixed_product", "story"]


def fixed_product(kernels: NumpyKernels) -> str:
    """A hash of the bits of a Q8_0 product."""
    rng = np.random.default_rng(5)
    weight = kernels.pack(Tensor.from_array("w", rng.standard_normal((65, 256)), "Q8_0"), "blocks")
    x = rng.standard_normal((9, 256)).astype(np.float32)
    product = kernels.to_numpy(kernels.matmul(kernels.asarray(x), weight))
    return hashlib.sha256(np.ascontiguousarray(product, "<f4").tobytes()).hexdigest()


def story(path: str, kernels: str) -> list[int]:
    """64 tokens, greedy."""
    model = abi.load(path, kernels=kernels)
    generation = model.generate("Once upon a time", max_tokens=64, temperature=0)
    generation.read()
    return generation.tokens


def database() -> dict[str, Any]:
    """What a database in a folder answers, before and after it was closed, and of its past."""
    vectors = np.random.default_rng(4).standard_normal((1200, 8)).astype(np.float32)
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/db"
        with abi.open(path) as db:
            notes = db.create_collection("notes", dim=8, index="hnsw")
            payloads = [{"n": i % 7, "when": f"2026-01-{i % 28 + 1:02d}"} for i in range(1200)]
            texts = [f"note {i} of {'red' if i % 3 else 'blue'} things" for i in range(1200)]
            notes.upsert(list(range(1200)), vectors, payloads, texts)
            before = db.sequence
            notes.delete(filter={"n": 3})
            notes.upsert(["x"], vectors[:1], [{"n": 9}], ["a blue whale"])
            more = db.create_collection("more", dim=8, index="ivf", quantization="pq", metric="l2")
            more.upsert(list(range(1200)), vectors)
            db.compact()
            more.delete(list(range(0, 1200, 3)))  # enough that partitions are mended
            more.upsert([5000], vectors[:1] + 1)
            db.compact()
            answers = _asked(notes, vectors)
            answers.append([hit.id for hit in more.search(vectors[7], k=5, nprobe=40)])
        with abi.open(path) as db:
            again = _asked(db["notes"], vectors)
            found = db["more"].search(vectors[7], k=5, nprobe=40)
            again.append([hit.id for hit in found])
            problems = db.check()
            files = [name.split("-")[-1] for name in sorted(os.listdir(path)) if "c1" in name]
        with abi.open(path, at=before) as then:
            past = [len(then["notes"]), then["notes"].count({"n": 3})]
    return {
        "answers": answers, "same": answers == again, "problems": problems, "files": files,
        "past": past,
    }  # fmt: skip


def _asked(notes: abi.Collection, vectors: Any) -> list[Any]:
    filter = {"n": {"$gte": 5}, "when": {"$lt": "2026-01-10"}}
    return [
        [hit.id for hit in notes.search(vectors[7], k=5)],
        [hit.id for hit in notes.search(vectors[7], k=5, exact=True)],
        [hit.id for hit in notes.search(vectors[9], k=5, filter=filter)],
        [hit.id for hit in notes.search(text="blue whale", k=3)],
        [hit.id for hit in notes.search(vectors[12], text="red", k=5)],
        len(notes),
    ]


def part_of_graph() -> list[list[int]]:
    """What some rows of a graph find without the others."""
    values = np.random.default_rng(2).standard_normal((400, 8)).astype(np.float32)
    points = Vectors.of(values, "l2")
    rows = np.flatnonzero(np.arange(400) % 3)
    part = subset(HNSW.build(points), rows, points.take(rows))
    found: list[list[int]] = part.search(values[:5], k=4)[0].tolist()
    return found


def features() -> dict[str, Any]:
    """What the core does beside greedy text, with the model that ships."""
    model = abi.load(kernels="numpy")
    schema = {
        "type": "object",
        "properties": {"name": {"type": "string", "pattern": "^[A-Z][a-z]{2,7}$"}},
        "required": ["name"],
        "additionalProperties": False,
    }
    template = "{% for m in messages %}{{ m.content | trim }}{% endfor %}"
    weights = np.random.default_rng(3).standard_normal((4, 256)).astype(np.float32)
    vectors = model.embed(["a cat", "two dogs"], pooling="mean")
    return {
        "json": model.generate(
            "A girl: ", constraint=model.constrain(json_schema=schema), temperature=0
        ).read(),
        "chat": model.chat(
            [{"role": "user", "content": " Once upon a time "}],
            template=template,
            max_tokens=12,
            temperature=0,
        ),
        "seeded": model.generate(
            "Lily", max_tokens=12, seed=7, repeat_penalty=1.1, xtc_probability=0.3
        ).read(),
        "drafted": model.generate(
            "Lily and Tom", max_tokens=12, temperature=0, draft=model.draft_for(model)
        ).read(),
        "database": database(),
        "part of a graph": part_of_graph(),
        "vectors": [round(float(x), 4) for x in vectors[:, :6].ravel()],
        "Q4_K": hashlib.sha256(Tensor.from_array("w", weights, "Q4_K").data.tobytes()).hexdigest(),
    }
