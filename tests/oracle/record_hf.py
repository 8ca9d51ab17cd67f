"""Record what transformers computes with the models of `hf_models`.

    nox -s record_minilm      (runs this too)

Writes `tests/data/hf-models.npz`: of encoders the last hidden states, of
classifiers and decoders the logits.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import torch
import transformers

from tests.oracle.hf_models import MODELS, ids_of, write_folder

DATA = Path(__file__).parents[1] / "data"


def main() -> None:
    found = {}
    for name, model in MODELS.items():
        with tempfile.TemporaryDirectory() as folder:
            write_folder(name, Path(folder))
            kind = getattr(transformers, model.config["architectures"][0])
            made = kind.from_pretrained(folder, dtype=torch.float32).eval()
            with torch.no_grad():
                out = made(input_ids=torch.tensor([ids_of(name)]))
        values = out.logits if "logits" in out else out.last_hidden_state
        found[name] = values[0].numpy().astype(np.float32)
    np.savez_compressed(DATA / "hf-models.npz", **found)


if __name__ == "__main__":
    main()
