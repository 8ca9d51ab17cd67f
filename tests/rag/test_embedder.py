"""A model's vectors in a library, with the prompts that it was trained with."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

import abi
from abi.errors import InputError
from abi.generate import Model
from abi.gguf import read, write
from abi.rag import Library, ModelEmbedder
from abi.store import Database
from abi.store.files import MemoryFiles
from tests.oracle.architectures import ENCODERS, case_bytes

TEXTS = ["the harbour", "a cat"]


def model(**prompts: str) -> Model:
    file = read(case_bytes(ENCODERS["bert"]))
    out = io.BytesIO()
    keys = {f"sentence_transformers.prompt.{name}": text for name, text in prompts.items()}
    write(out, file.typed() | keys, file.tensors.values())
    return abi.load(out.getvalue(), kernels="numpy")


@pytest.mark.parametrize("name", ["document", "passage", "corpus"])
def test_the_prompts_of_the_file_are_used(name: str) -> None:
    found = ModelEmbedder(model(query="find: ", **{name: "text: "}), "bert")
    plain = model()
    assert (found.name, found.dim) == ("bert", 64)
    np.testing.assert_array_equal(found.embed(TEXTS), plain.embed([f"text: {t}" for t in TEXTS]))
    want = plain.embed([f"find: {t}" for t in TEXTS])
    np.testing.assert_array_equal(found.embed_query(TEXTS), want)


def test_prompts_that_are_given_come_first() -> None:
    found = ModelEmbedder(model(query="find: "), "bert", query_prompt="ask: ", document_prompt="")
    plain = model()
    np.testing.assert_array_equal(found.embed(TEXTS), plain.embed(TEXTS))
    np.testing.assert_array_equal(found.embed_query(["a"]), plain.embed(["ask: a"]))


def test_vectors_of_another_document_prompt_are_not_compared(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("# Tea\n\nBoil water.")
    db = Database(MemoryFiles())
    library = Library(db, ModelEmbedder(model(), "bert"))
    library.add(tmp_path)
    assert library.search("tea", mode="vector")[0].text.startswith("Tea")
    with pytest.raises(InputError, match="has vectors of bert, not of bert 'text: '"):
        Library(db, ModelEmbedder(model(), "bert", document_prompt="text: "))
