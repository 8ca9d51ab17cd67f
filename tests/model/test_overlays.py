"""Adapters, control vectors, shifted contexts, cache types and saved caches."""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import abi
from abi.errors import ContextLengthError, FormatError, InputError, UnsupportedError
from abi.gguf import read, write
from abi.model import (
    Batch,
    KVCache,
    Transformer,
    load_control,
    load_lora,
    load_slot,
    save_slot,
    with_control,
    with_loras,
)
from abi.quant import Tensor
from tests.oracle.architectures import CASES, COLUMNS, N_POSITIONS, Case, case_bytes
from tests.oracle.cases import DATA, random_ids
from tests.oracle.overlays import (
    CONTROL,
    CONTROL_STRENGTH,
    KV,
    KV_TYPES,
    LORA,
    LORA_STRENGTH,
    SHIFTED,
    write_control,
    write_lora,
)

IDS = random_ids(N_POSITIONS)
# Root mean square of our difference from llama.cpp, over that of its own from float32. llama.cpp
# rounds queries too: to 8 bits for quantised keys, which is most of what q8_0 loses.
KV_TOLERANCE = {"f16": 0.1, "q8_0": 0.8, "q4_0": 0.2}


@pytest.fixture(scope="module")
def golden() -> Any:
    return np.load(DATA / "llama-overlays.npz")


def load(case: Case) -> Transformer:
    return abi.load(case_bytes(case), kernels="numpy").transformer


def logits(transformer: Transformer, cache: KVCache | None = None) -> Any:
    return transformer.forward(Batch.of(IDS), cache or transformer.new_cache())[:, COLUMNS]


def close(got: object, want: object, atol: float = 2e-3) -> None:
    np.testing.assert_allclose(np.asarray(got), np.asarray(want), rtol=0, atol=atol)


def rms(values: Any) -> float:
    return float(np.sqrt(np.square(values).mean()))


def test_an_adapter_is_applied_and_removed(golden: Any, tmp_path: Path) -> None:
    base = load(LORA)
    before = logits(base)
    write_lora(tmp_path / "lora.gguf")
    lora = load_lora(tmp_path / "lora.gguf", base)
    adapted = with_loras(base, [(lora, LORA_STRENGTH)])
    close(logits(adapted), golden["lora"])
    assert np.abs(golden["lora"] - before).max() > 0.1
    close(logits(with_loras(adapted, [])), before, 0)
    halves = with_loras(base, [(lora, LORA_STRENGTH / 2), (lora, LORA_STRENGTH / 2)])
    close(logits(halves), golden["lora"])


def test_a_tied_head_stays_without_the_adapter_of_the_embeddings(tmp_path: Path) -> None:
    base = load(CASES["qwen3"])
    rng = np.random.default_rng(0)
    pair = [
        Tensor.from_array(f"token_embd.weight.{k}", rng.standard_normal(s, np.float32))
        for k, s in (("lora_a", (320, 2)), ("lora_b", (64, 2)))
    ]
    write(tmp_path / "l.gguf", ADAPTER | {"general.architecture": "qwen3"}, pair)
    adapted = with_loras(base, [(load_lora(tmp_path / "l.gguf", base), 1.0)])
    lora = load_lora(tmp_path / "l.gguf", base)
    for loras in ([], [(lora, 1.0)], [(lora, 1.0)]):  # again over what is there
        adapted = with_loras(adapted, loras)
        assert adapted.outside.output is not None
        assert adapted.outside.output.adapters == ()
        assert len(adapted.outside.token_embd.adapters) == len(loras)
        logits(adapted)


ADAPTER = {"general.type": "adapter", "adapter.type": "lora", "general.architecture": "llama"}
ONE = Tensor.from_array("blk.0.attn_q.weight.lora_a", np.ones((2, 64)))
TWO = Tensor.from_array("blk.0.attn_q.weight.lora_b", np.ones((64, 2)))


@pytest.mark.parametrize(
    ("metadata", "tensors", "error", "words"),
    [
        ({"general.type": "model"}, [], FormatError, "this is no LoRA adapter"),
        ({"adapter.type": "x"}, [], FormatError, "expected 'lora', got 'x'"),
        ({"general.architecture": "qwen2"}, [], FormatError, "for 'qwen2', the model is 'llama'"),
        ({"adapter.lora.alpha": "x"}, [], FormatError, "expected a number, got 'x'"),
        ({}, [ONE], FormatError, "only lora_a is there"),
        ({"general.type": [1, 2]}, [], FormatError, "this is no LoRA adapter"),
        ({"general.architecture": ["a", "b"]}, [], FormatError, "the model is 'llama'"),
        ({"adapter.alora.invocation_tokens": [5]}, [], UnsupportedError, "that tokens activate"),
        (
            {},
            [
                dataclasses.replace(t, name="blk.0.attn_norm.weight" + t.name[-7:])
                for t in (ONE, TWO)
            ],
            UnsupportedError,
            r"an adapter of blk\.0\.attn_norm\.weight is not supported",
        ),
        ({}, [dataclasses.replace(ONE, name="a.b")], UnsupportedError, "a.b is neither"),
        (
            {},
            [dataclasses.replace(t, name=t.name.replace("0", "9")) for t in (ONE, TWO)],
            FormatError,
            r"blk\.9\.attn_q\.weight: the model has no such tensor",
        ),
        (
            {},
            [dataclasses.replace(ONE, shape=(64, 2)), TWO],
            FormatError,
            r"shapes \(64, 2\) and \(64, 2\), expected \(2, 64\) and \(64, 2\)",
        ),
    ],
)
def test_an_adapter_that_does_not_fit_is_refused(
    metadata: dict[str, Any], tensors: list[Tensor], error: type[Exception], words: str
) -> None:
    raw = io.BytesIO()
    write(raw, ADAPTER | metadata, tensors)
    with pytest.raises(error, match=words):
        load_lora(raw.getvalue(), load(LORA))


def test_a_control_vector_is_added_in_its_layers(golden: Any, tmp_path: Path) -> None:
    base = load(CONTROL)
    write_control(tmp_path / "control.gguf")
    control = load_control(tmp_path / "control.gguf", base)
    steered = with_control(base, [(control, CONTROL_STRENGTH)], layers=(2, 3))
    close(logits(steered), golden["control"])
    close(logits(with_control(steered, [])), logits(base), 0)
    twice = with_control(base, [(control, 1.0), (control, 0.5)], layers=(2, 3))
    close(logits(twice), golden["control"])


@pytest.mark.parametrize(
    ("name", "shape", "words"),
    [
        ("direction.0", (64,), "expected tensors direction.1"),
        ("direct.1", (64,), "this is no control vector"),
        ("direction.1", (63,), r"shape \(63,\), expected \(64,\)"),
        ("direction.5", (64,), r"direction\.5: this model has 5 layers; is it of another model\?"),
    ],
)
def test_a_control_vector_that_does_not_fit_is_refused(
    name: str, shape: tuple[int, ...], words: str
) -> None:
    raw = io.BytesIO()
    write(raw, {}, [Tensor.from_array(name, np.ones(shape))])
    with pytest.raises(FormatError, match=words):
        load_control(raw.getvalue(), load(CONTROL))
    raw = io.BytesIO()
    write(raw, {}, [])
    with pytest.raises(FormatError, match=r"no direction\.N tensors"):
        load_control(raw.getvalue(), load(CONTROL))


@pytest.mark.parametrize("name", SHIFTED)
def test_a_shifted_context_goes_on_as_llama_cpps(golden: Any, name: str) -> None:
    transformer = load(CASES[name])
    cache = transformer.new_cache()
    transformer.forward(Batch.of(IDS[:40]), cache, [])
    transformer.shift(cache, 0, keep=4, discard=16)
    assert cache.lengths == [24]
    got = transformer.forward(Batch.of(IDS[40:], pos=24), cache)
    close(got[:, COLUMNS], golden[f"shift/{name}"])


@pytest.mark.parametrize(
    "name", sorted(n for n, c in CASES.items() if c.arch not in ("gpt2",) and n != "command-r-plus")
)
def test_keys_of_one_layer_are_those_of_their_new_places(name: str) -> None:
    # In a single layer keys and values know nothing of what came before them, so that a
    # shifted cache must equal a fresh one, whatever the scaling of the rotation.
    case = CASES[name]
    transformer = load(dataclasses.replace(case, keys=dict(case.keys) | {"block_count": 1}))
    cache = transformer.new_cache()
    transformer.forward(Batch.of(IDS[:40]), cache, [])
    transformer.shift(cache, 0, keep=0, discard=16)
    got = transformer.forward(Batch.of(IDS[40:], pos=24), cache)
    want = transformer.forward(Batch.of(IDS[16:]), transformer.new_cache())[24:]
    close(got, want, 1e-3)


def test_what_cannot_be_shifted_is_refused() -> None:
    transformer = load(CASES["gpt2"])
    cache = transformer.new_cache()
    transformer.forward(Batch.of(IDS), cache, [])
    with pytest.raises(UnsupportedError, match="positions of a gpt2 model are learned"):
        transformer.shift(cache, 0, 0, 8)
    transformer = load(CASES["qwen3"])
    cache = transformer.new_cache()
    with pytest.raises(InputError, match=r"holds 0 positions, not 0 \+ 8"):
        transformer.shift(cache, 0, 0, 8)


@pytest.mark.parametrize("kind", sorted(KV_TYPES))
def test_cache_types_are_near_llama_cpps(golden: Any, kind: str) -> None:
    transformer = load(KV)
    cache = transformer.new_cache(types=(kind, kind))
    ours, theirs, exact = logits(transformer, cache), golden[f"kv/{kind}"], logits(transformer)
    assert rms(ours - theirs) < KV_TOLERANCE[kind] * rms(theirs - exact)
    assert cache.layers[0].rotate_k == (64 if "q" in kind else 0)


def test_a_quantised_cache_can_be_shifted() -> None:
    transformer = load(KV)
    found = []
    for kind in ("f32", "q8_0"):
        cache = transformer.new_cache(types=(kind, kind))
        transformer.forward(Batch.of(IDS[:40]), cache, [])
        transformer.shift(cache, 0, 4, 16)
        found.append(transformer.forward(Batch.of(IDS[40:], pos=24), cache))
    assert rms(found[1] - found[0]) < 0.03 * rms(found[0])


def test_a_type_that_does_not_fit_the_heads_is_refused() -> None:
    transformer = load(CASES["mixtral"])
    with pytest.raises(InputError, match="heads of 16 elements are not whole blocks of 32"):
        transformer.new_cache(types=("q8_0", "f16"))
    with pytest.raises(InputError, match="cache type 'q5': expected one of f32, f16, q8_0, q4_0"):
        transformer.new_cache(types=("f16", "q5"))


@pytest.mark.parametrize("kind", ["f32", "f16", "q8_0", "q4_0"])
def test_a_saved_slot_goes_on_where_it_was(tmp_path: Path, kind: str) -> None:
    transformer = load(KV)
    first = transformer.new_cache(n_slots=2, types=(kind, kind))
    transformer.forward(Batch.of(IDS[:50], slot=1), first, [])
    save_slot(tmp_path / "slot.gguf", transformer, first, 1, IDS[:50])
    second = transformer.new_cache(types=(kind, kind))
    assert load_slot(tmp_path / "slot.gguf", load(KV), second, 0) == IDS[:50]
    rest = [
        transformer.forward(Batch.of(IDS[50:], slot=slot, pos=50), cache)
        for cache, slot in ((first, 1), (second, 0))
    ]
    close(rest[1], rest[0], 0)


def test_a_saved_slot_of_something_else_is_refused(tmp_path: Path) -> None:
    transformer, path = load(KV), tmp_path / "slot.gguf"
    cache = transformer.new_cache()
    transformer.forward(Batch.of(IDS), cache, [])
    with pytest.raises(InputError, match="slot 0 holds 64 positions, got 3 tokens"):
        save_slot(path, transformer, cache, 0, IDS[:3])
    save_slot(path, transformer, cache, 0, IDS)
    with pytest.raises(FormatError, match="type_k: the cache was saved with 'f32'"):
        load_slot(path, transformer, transformer.new_cache(types=("f16", "f32")), 0)
    plain, turned = (
        transformer.new_cache(types=("q4_0", "q4_0"), rotate=rotate) for rotate in (False, True)
    )
    transformer.forward(Batch.of(IDS), plain, [])
    save_slot(tmp_path / "plain.gguf", transformer, plain, 0, IDS)
    with pytest.raises(FormatError, match="rotate_k: the cache was saved with 0"):
        load_slot(tmp_path / "plain.gguf", transformer, turned, 0)
    for broken in ([[1], [2]], 5, [0.5]):
        file = read(path)
        write(
            tmp_path / "odd.gguf",
            file.metadata | {"abi.cache.tokens": broken},
            file.tensors.values(),
        )
        with pytest.raises(FormatError, match=r"abi\.cache\.tokens"):
            load_slot(tmp_path / "odd.gguf", transformer, transformer.new_cache(), 0)
    changed = dataclasses.replace(transformer, layers=[transformer.layers[0]] * 2)
    with pytest.raises(FormatError, match=r"abi\.cache\.model: the cache was saved with"):
        load_slot(path, changed, changed.new_cache(), 0)
    other = abi.load(case_bytes(KV, seed=1), kernels="numpy").transformer
    with pytest.raises(FormatError, match=r"abi\.cache\.model: the cache was saved with"):
        load_slot(path, other, other.new_cache(), 0)
    with pytest.raises(ContextLengthError, match="64 tokens do not fit in a context of 32"):
        load_slot(path, transformer, transformer.new_cache(n_ctx=32), 0)
    file = read(path)
    write(path, file.metadata, [t for t in file.tensors.values() if t.name != "blk.1.v"])
    with pytest.raises(FormatError, match=r"blk\.1\.v: expected F32 \(2, 64, 64\), got none"):
        load_slot(path, transformer, transformer.new_cache(), 0)
    write(path, {}, [])
    with pytest.raises(FormatError, match="this is no saved prompt cache"):
        load_slot(path, transformer, transformer.new_cache(), 0)


def test_a_slot_of_a_longer_context_has_other_angles(tmp_path: Path) -> None:
    transformer, path = load(CASES["llama-long"]), tmp_path / "slot.gguf"
    long, short = transformer.new_cache(n_ctx=65), transformer.new_cache(n_ctx=64)
    transformer.forward(Batch.of(IDS[:8]), long, [])
    save_slot(path, transformer, long, 0, IDS[:8])
    assert load_slot(path, transformer, transformer.new_cache(n_ctx=99), 0) == IDS[:8]
    with pytest.raises(FormatError, match="stretch: the cache was saved with 'long'"):
        load_slot(path, transformer, short, 0)
