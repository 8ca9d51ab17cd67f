"""What the table is worth, measured on docstrings of Python's standard library.

    python docs/static_embedding/measure.py [--model minilm.gguf] [--table FILE]

Known items: the first sentence of a docstring is to find the rest of it among the rests of all.
With `--model`, all-MiniLM-L6-v2 as `abi convert` makes it, also how well the table's similarities
follow the model's (Spearman), over pairs of which half are near by the model.
"""

from __future__ import annotations

import argparse
import re
import sysconfig
from pathlib import Path
from time import thread_time

import numpy as np
import numpy.typing as npt
from texts import docstrings

import abi
from abi.embedding import StaticEmbedding
from abi.index import Postings, idf
from abi.text import analyse

F32 = npt.NDArray[np.float32]

K, N_PAIRS, N_NEAR, RRF, SEED = 10, 4000, 20, 60, 0


def items() -> list[tuple[str, str]]:
    """First sentences, each there once, and what follows them."""
    found: dict[str, str] = {}
    for text in docstrings(Path(sysconfig.get_paths()["stdlib"])):
        match = re.match(r"(.*?[.!?])\s+(\S.*)", text, re.S)
        if match:
            first, rest = " ".join(match[1].split()), match[2]
            if 4 <= len(first.split()) <= 40 and len(rest.split()) >= 10:
                found.setdefault(first, rest)
    return list(found.items())


def ndcg(scores: F32) -> float:
    """Mean gain of the one right item among the first ten, 1 / log2(1 + its rank)."""
    n = np.arange(len(scores))
    ranks = (scores > scores[n, n][:, None]).sum(axis=1)
    found = np.isfinite(scores[n, n]) & (ranks < K)
    return float(np.where(found, 1 / np.log2(ranks + 2), 0).mean())


def bm25(queries: list[str], bodies: list[str]) -> F32:
    """Scores of `abi.index`, English stems; minus infinity where no term is shared."""
    postings = Postings.build([analyse(body, "english") for body in bodies])
    out = np.full((len(queries), len(bodies)), -np.inf, np.float32)
    mean = postings.total_length / len(bodies)
    for row, query in zip(out, queries, strict=True):
        terms = list(dict.fromkeys(analyse(query, "english")))
        weights = idf(len(bodies), postings.document_frequency(terms))
        found, scores = postings.scores(terms, weights, mean)
        row[found] = scores
    return out


def fused(*scores: F32) -> F32:
    """Reciprocal rank fusion."""
    total = np.zeros(scores[0].shape, np.float32)
    for one in scores:
        ranks = np.empty(one.shape, np.float32)
        order = np.argsort(-one, axis=1, kind="stable")
        np.put_along_axis(ranks, order, np.arange(one.shape[1], dtype=np.float32)[None], axis=1)
        total += np.where(np.isfinite(one), 1 / (RRF + 1 + ranks), 0)
    return total


def spearman(a: F32, b: F32) -> float:
    ranks = [np.argsort(np.argsort(x, kind="stable")).astype(np.float64) for x in (a, b)]
    return float(np.corrcoef(*ranks)[0, 1])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--model", type=Path)
    parser.add_argument("--table", type=Path)
    args = parser.parse_args()
    table = StaticEmbedding.load(args.table) if args.table else StaticEmbedding.default()
    queries, bodies = map(list, zip(*items(), strict=True))
    print(f"{table}; {len(bodies)} docstrings")
    lexical = bm25(queries, bodies)
    a, b = table.embed(queries), table.embed(bodies)
    static = a @ b.T
    print(f"nDCG@{K}: BM25 {ndcg(lexical):.3f}, static {ndcg(static):.3f}, ", end="")
    print(f"BM25 + static {ndcg(fused(lexical, static)):.3f}")
    if args.model:
        model = abi.load(args.model, n_ctx=256)
        c, d = (model.embed(texts, truncate=True) for texts in (queries, bodies))
        dense = c @ d.T
        print(f"nDCG@{K}: MiniLM {ndcg(dense):.3f}, ", end="")
        print(f"BM25 + MiniLM {ndcg(fused(lexical, dense)):.3f}")
        i, j = _pairs(d)
        all_, near = slice(None), slice(N_PAIRS // 2, None)
        for name, part in (("all", all_), ("near", near)):
            got, want = ((x[i[part]] * x[j[part]]).sum(axis=1) for x in (b, d))
            print(f"Spearman, {name} pairs: {spearman(got, want):.3f}")
    words = " ".join(bodies).split()
    chunks = [" ".join(words[k : k + 200]) for k in range(0, len(words) - 200, 200)]
    start = thread_time()
    table.embed(chunks)
    print(f"{len(chunks) / (thread_time() - start):,.0f} chunks of 200 words a second of one core")


def _pairs(vectors: F32) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Half of them at random, half among the nearest of one."""
    random, n = np.random.default_rng(SEED), len(vectors)
    similar = vectors @ vectors.T
    np.fill_diagonal(similar, -1)
    near = np.argsort(-similar, axis=1)[:, :N_NEAR]
    i = random.integers(0, n, N_PAIRS)
    j = random.integers(0, n, N_PAIRS)
    half = N_PAIRS // 2
    j[half:] = near[i[half:], random.integers(0, N_NEAR, half)]
    return i, j


if __name__ == "__main__":
    main()
