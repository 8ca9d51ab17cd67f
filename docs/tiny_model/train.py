"""Train the tiny model and write it as a GGUF file.

    python docs/tiny_model/train.py --out tiny.gguf

Needs NumPy and this project's own package, for the GGUF writer. Every step draws fresh stories
by (seed, step), so a resumed run goes on where it stopped. AdamW with warm-up, cosine decay, one
warm restart and gradient clipping, float32 throughout. ``--check`` compares the gradients with
finite differences instead.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from corpus import stories, surprise
from export import export, rounded
from net import Config, Params, init, logits, loss, loss_and_grads
from vocab import BOS, EOS, Vocab, learn

VOCAB_STORIES = 8000
VALIDATION_SEED = 1
VALIDATION_STORIES = 400


@dataclass(frozen=True)
class Recipe:
    """What the optimizer does."""

    steps: tuple[int, ...] = (8000, 12000)  # where each fall of the rate ends
    minutes: float = 0.0
    batch: int = 6
    peak: float = 3e-3
    floor: float = 1e-5
    warmup: float = 0.02
    decay: float = 0.1
    betas: tuple[float, float] = (0.9, 0.98)
    clip: float = 1.0
    seed: int = 0


@dataclass
class State:
    """All that a checkpoint holds."""

    params: Params
    first: Params
    second: Params
    step: int = 0
    seconds: float = 0.0
    losses: list[float] = field(default_factory=list)


def fresh(config: Config, seed: int) -> State:
    """Return the state before the first step."""
    params = init(config, seed)
    zeros = [{name: np.zeros_like(each) for name, each in params.items()} for _ in range(2)]
    return State(params, zeros[0], zeros[1])


def save(path: Path, config: Config, state: State) -> None:
    """Write a checkpoint, whole or not at all."""
    parts = {"p": state.params, "m": state.first, "v": state.second}
    arrays: dict[str, Any] = {
        f"{key}/{name}": array for key, part in parts.items() for name, array in part.items()
    }
    meta = {"config": asdict(config), "step": state.step, "seconds": state.seconds}
    half = path.with_suffix(".part.npz")
    np.savez(half, meta=np.array(json.dumps(meta)), **arrays)
    half.replace(path)


def load(path: Path, config: Config) -> State:
    """Read a checkpoint of the same configuration."""
    with np.load(path) as stored:
        meta = json.loads(str(stored["meta"]))
        if meta["config"] != asdict(config):
            raise ValueError(f"{path}: got sizes {meta['config']}, expected {asdict(config)}")
        parts: dict[str, Params] = {"p": {}, "m": {}, "v": {}}
        for name in stored.files:
            if name != "meta":
                parts[name[0]][name[2:]] = stored[name]
    return State(parts["p"], parts["m"], parts["v"], meta["step"], meta["seconds"])


def progress(recipe: Recipe, state: State) -> float:
    """Return how much of the way to the next fall's end is done, 1 at the end of the last.

    A later fall takes the rate up once more, to where one longer fall would have it: a warm
    restart, https://arxiv.org/abs/1608.03983.
    """
    if recipe.minutes:
        return state.seconds / (60 * recipe.minutes)
    return next((state.step / end for end in recipe.steps if state.step < end), 1.0)


def rate(recipe: Recipe, done: float) -> float:
    """Return the learning rate after a share ``done`` of the way to the fall's end."""
    if done < recipe.warmup:
        return recipe.peak * max(done / recipe.warmup, 0.01)
    turn = math.pi * min(1.0, (done - recipe.warmup) / (1 - recipe.warmup))
    return recipe.floor + (recipe.peak - recipe.floor) * (1 + math.cos(turn)) / 2


def adamw(recipe: Recipe, state: State, grads: Params, pace: float) -> None:
    """Take one step: Loshchilov and Hutter, https://arxiv.org/abs/1711.05101."""
    norm = math.sqrt(sum(float(np.vdot(each, each)) for each in grads.values()))
    shrink = np.float32(min(1.0, recipe.clip / (norm + 1e-6)))
    (b1, b2), count = recipe.betas, state.step + 1
    for name, weight in state.params.items():
        grad, first, second = grads[name] * shrink, state.first[name], state.second[name]
        first += np.float32(1 - b1) * (grad - first)
        second += np.float32(1 - b2) * (grad * grad - second)
        scale = np.sqrt(second / np.float32(1 - b2**count)) + np.float32(1e-8)
        if weight.ndim == 2:
            weight *= np.float32(1 - pace * recipe.decay)
        weight -= np.float32(pace / (1 - b1**count)) * first / scale


def draw(vocab: Vocab, config: Config, seed: int, count: int, held_out: bool) -> list[list[int]]:
    """Return the tokens of ``count`` stories that fit the context."""
    texts = ([BOS, *vocab.encode(story.text), EOS] for story in stories(seed, held_out))
    return list(itertools.islice((t for t in texts if len(t) <= config.n_ctx), count))


def validation(config: Config, params: Params, texts: list[list[int]]) -> float:
    """Return the loss over held-out texts, in nats a token."""
    total = 0.0
    for at in range(0, len(texts), 20):
        part = texts[at : at + 20]
        total += loss(config, params, part) * sum(len(text) - 1 for text in part)
    return total / sum(len(text) - 1 for text in texts)


def train(recipe: Recipe, config: Config, vocab: Vocab, state: State, out: Path) -> None:
    """Run to the recipe's end, telling progress on stderr and saving now and then."""
    held = draw(vocab, config, VALIDATION_SEED, VALIDATION_STORIES, held_out=True)
    began = time.perf_counter() - state.seconds
    while (done := progress(recipe, state)) < 1:
        seed = 1000 + recipe.seed * 10_000_000 + state.step
        texts = draw(vocab, config, seed, recipe.batch, held_out=False)
        mean, grads = loss_and_grads(config, state.params, texts)
        pace = rate(recipe, done)
        adamw(recipe, state, grads, pace)
        state.losses.append(mean)
        state.step += 1
        state.seconds = time.perf_counter() - began
        if state.step % 50 == 0:
            _tell(f"train {np.mean(state.losses[-50:]):.4f}  rate {pace:.1e}", state)
        if state.step % 500 == 0:
            _tell(f"validation {validation(config, state.params, held[:100]):.4f}", state)
            save(out.with_suffix(".npz"), config, state)
    save(out.with_suffix(".npz"), config, state)
    for kind, params in (("float32", state.params), ("Q8_0", rounded(state.params))):
        _tell(f"validation {validation(config, params, held):.4f} (all, {kind})", state)
    per_story = sum(len(text) - 1 for text in held) / len(held)
    _tell(f"the grammar's own entropy is below {surprise(2, 2000) / per_story:.4f}", state)


def _tell(text: str, state: State) -> None:
    print(f"{state.seconds:7.0f} s  step {state.step:5d}  {text}", file=sys.stderr, flush=True)


def sample(
    config: Config, params: Params, vocab: Vocab, prompt: str, temperature: float, seed: int
) -> str:
    """Return a prompt with the model's continuation, greedy at temperature 0."""
    tokens, rng = [BOS, *vocab.encode(prompt)], np.random.default_rng(seed)
    while tokens[-1] != EOS and len(tokens) < config.n_ctx:
        scores = logits(config, params, tokens)[-1].astype(np.float64)
        noise = rng.gumbel(size=scores.shape) * temperature
        tokens.append(int(np.argmax(scores + noise)))
    return vocab.decode(tokens)


def check() -> float:
    """Return the worst relative error of the gradients against finite differences."""
    config = Config(n_vocab=20, n_embd=24, n_layer=2, n_head=6, n_head_kv=3, n_ff=20)
    params, rng = init(config, 1, np.float64), np.random.default_rng(2)
    texts = [[1, 3, 5, 7, 3, 2], [1, 9, 10, 3, 4, 5, 6, 2]]
    _, grads = loss_and_grads(config, params, texts)
    worst, tiny = 0.0, 1e-5
    for name, weight in params.items():
        for _ in range(8):
            at = tuple(int(rng.integers(size)) for size in weight.shape)
            kept = weight[at]
            weight[at] = kept + tiny
            above = loss(config, params, texts)
            weight[at] = kept - tiny
            slope = (above - loss(config, params, texts)) / (2 * tiny)
            weight[at] = kept
            error = abs(slope - grads[name][at]) / max(1e-3, abs(slope))
            worst = max(worst, float(error))
    return worst


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("tiny.gguf"))
    parser.add_argument("--steps", type=int, nargs="+", default=Recipe.steps)
    parser.add_argument("--minutes", type=float, default=0.0, help="run by time, not by steps")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--heads", type=int, nargs=2, metavar="N", default=(Config.n_head, Config.n_head_kv),
        help="query heads and key/value heads",
    )  # fmt: skip
    parser.add_argument("--resume", action="store_true", help="go on from OUT's .npz")
    parser.add_argument("--check", action="store_true", help="verify the gradients and stop")
    return parser.parse_args()


def main() -> int:
    """Run the command line."""
    args = _arguments()
    if args.check:
        worst = check()
        print(f"worst relative gradient error {worst:.1e}")
        return int(worst > 1e-5)
    texts = [story.text for story in itertools.islice(stories(0), VOCAB_STORIES)]
    vocab = learn(texts, Config.n_vocab)
    config = Config(n_vocab=len(vocab.tokens), n_head=args.heads[0], n_head_kv=args.heads[1])
    checkpoint = args.out.with_suffix(".npz")
    state = load(checkpoint, config) if args.resume else fresh(config, args.seed)
    recipe = Recipe(steps=tuple(args.steps), minutes=args.minutes, seed=args.seed)
    train(recipe, config, vocab, state, args.out)
    export(args.out, config, state.params, vocab)
    params = rounded(state.params)
    for temperature, seed in ((0.0, 0), (0.8, 1), (0.8, 2)):
        text = sample(config, params, vocab, "Once upon a time", temperature, seed)
        print(f"\n[temperature {temperature}, seed {seed}] {text}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
