"""Perplexity with each type of the cache, with and without the Hadamard rotation.

    python tests/bench/cache_types.py MODEL [TEXT]

The model must have heads of a multiple of 64, or nothing is rotated; one is made by
`python docs/tiny_model/train.py --heads 2 1 --minutes 25 --out wide.gguf`.
"""

from __future__ import annotations

import sys
from pathlib import Path

import abi
from abi.generate import perplexity
from abi.kernels import KV_TYPES

STORIES = Path(__file__).parents[1] / "data" / "stories.txt"


def main(path: str, text: bytes) -> None:
    model = abi.load(path)
    base = perplexity(model, text).value
    bytes_f32 = 4 * model.config.head_dim
    print(f"head_dim {model.config.head_dim}, {len(model.tokenizer.encode(text))} tokens")
    for kind in KV_TYPES:
        for rotate in (True, False):
            value = perplexity(model, text, types=(kind, kind), rotate=rotate).value
            store = model.transformer.new_cache(n_ctx=8, types=(kind, kind)).layers[0].k
            share = store.itemsize * store.shape[3] / bytes_f32
            print(
                f"{kind:5} {'rotated' if rotate else 'plain':8} {value:.5f} "
                f"({100 * (value / base - 1):+.4f}%) {100 * share:.1f}% of the memory"
            )
            if kind in ("f32", "f16"):
                break


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2] if len(sys.argv) > 2 else STORIES).read_bytes())
