"""A layer in one call: the same as its composition, for every architecture."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from abi_accel._buffers import assign
from abi_accel._exports import Op
from abi_accel._library import load
from abi_accel._operations import KINDS
from abi_accel.build import TARGETS, host

import abi
from abi.errors import InputError
from abi.generate import Model
from abi.gguf import read, write
from abi.kernels import Adapter, KVLayer, Layer, Span, Step, Weight
from abi.model import Batch
from abi.quant import Tensor
from tests.oracle.architectures import CASES, ENCODERS, case_bytes
from tests.synthetic import LlamaShape, llama_bytes

F32 = npt.NDArray[np.float32]

# GELU goes through float16: what falls to the other side of a rounding shows, more with depth.
ROUNDED = {"gemma", "phi2", "gpt2", "starcoder2", "falcon", "bert", "nomic", "jina"}
COMPOSED = {
    "stablelm-parallel", "command-r-plus",  # norms of a matrix
    "jina-bert-v2", "jina-bert-v2-fused", "nomic-bert-moe",  # linear biases, experts
}  # fmt: skip
HALVES = {"mixtral", "qwen2moe", "qwen2moe-widths", "qwen3moe", "granite-moe", "gpt-oss"}


def both(raw: bytes) -> tuple[Model, Model]:
    numpy, native = (abi.load(raw, kernels=name) for name in ("numpy", "native"))
    return numpy, native


def hidden(model: Model, batch: Batch, **options: Any) -> F32:
    cache = model.transformer.new_cache(n_slots=3, n_ctx=64, **options)
    return model.kernels.to_numpy(model.transformer.hidden(batch, cache))


def planned(model: Model) -> bool:
    plans: Any = model.kernels._plans  # type: ignore[attr-defined]
    return all(any(plans.get(layer, {}).values()) for layer in model.transformer.layers)


def halves(model: Model) -> bool:
    """Whether some layer's program ends where its experts begin."""
    every: Any = model.kernels._plans.values()  # type: ignore[attr-defined]
    return any(plan is not None and plan.half for plans in every for plan in plans.values())


@pytest.mark.parametrize("name", sorted(CASES))
def test_layers_are_those_of_the_reference(native_library: Path, name: str) -> None:
    numpy, native = both(case_bytes(CASES[name]))
    ids = np.random.default_rng(3).integers(0, numpy.transformer.n_vocab, 40)
    want, got = (hidden(model, Batch.of(ids)) for model in (numpy, native))
    rounded = any(name.startswith(part) for part in ROUNDED)
    np.testing.assert_allclose(got, want, rtol=0, atol=3e-3 if rounded else 3e-5)
    assert planned(native) == (name not in COMPOSED)
    assert halves(native) == (name in HALVES)


@pytest.mark.parametrize("isa", list(TARGETS[host()].isas))
@pytest.mark.parametrize("name", ["qwen3", "gemma2", "olmo3", "bert", "mixtral", "gpt-oss"])
def test_several_sequences_and_steps(native_library: Path, isa: str, name: str) -> None:
    if isa not in load().isas:
        pytest.skip(f"this machine has {', '.join(load().isas)}")
    load().choose(isa)
    numpy, native = both(case_bytes((CASES | ENCODERS)[name]))
    rng = np.random.default_rng(4)
    parts = [(0, 0, 17), (2, 0, 3), (1, 0, 5), (0, 17, 4), (1, 5, 1)]
    if not numpy.config.causal:
        parts = parts[:3]
    batches = [
        Batch.of(rng.integers(0, numpy.transformer.n_vocab, n), slot=slot, pos=pos)
        for slot, pos, n in parts
    ]
    kinds = [("f32", "f32"), ("f16", "f16"), ("f32", "f16")]
    if numpy.config.head_dim % 32 == 0:
        kinds += [("q8_0", "q8_0"), ("f16", "q8_0")]
    for types in kinds:
        found = []
        for model in (numpy, native):
            cache = model.transformer.new_cache(n_slots=3, n_ctx=64, types=types)
            run = model.transformer.hidden
            rows = [run(Batch.join(batches[:3]), cache)]
            rows += [run(Batch.join(batches[3:]), cache)] if batches[3:] else []
            found.append(np.concatenate(rows))
        assert planned(native)
        bound = 3e-2 if "q8_0" in types else 3e-3
        np.testing.assert_allclose(found[1], found[0], rtol=0, atol=bound)


@pytest.mark.parametrize("name", ["Q8_0", "Q4_1", "F16"])
def test_quantised_layers_equal_their_products_one_by_one(native_library: Path, name: str) -> None:
    """Rounded the same, so that only the order of sums in norms and attention differs."""
    _, native = both(llama_bytes(LlamaShape(), name))
    batch = Batch.of(np.arange(30))
    whole = hidden(native, batch)
    assert planned(native)
    for plans in native.kernels._plans.values():  # type: ignore[attr-defined]
        for key in plans:
            plans[key] = None
    np.testing.assert_allclose(hidden(native, batch), whole, rtol=0, atol=2e-2)


def mixed_bytes() -> bytes:
    """A llama as llama.cpp mixes types: values and gates are finer than what reads the same."""
    file = read(llama_bytes(LlamaShape(n_embd=512, n_head=8, n_head_kv=8, n_ff=512)))
    tensors = []
    for name, tensor in file.tensors.items():
        if name.startswith("blk.") and len(tensor.shape) == 2:
            finer = "attn_v" in name or "ffn_gate" in name
            tensor = Tensor.from_array(name, tensor.to_float32(), "Q6_K" if finer else "Q4_K")
        tensors.append(tensor)
    out = io.BytesIO()
    write(out, dict(file.metadata), tensors)
    return out.getvalue()


def test_threads_meet_before_activations_are_rounded_anew(native_library: Path) -> None:
    """Where products of one input are of two roundings, none is still read while it is replaced."""
    _, native = both(mixed_bytes())
    batch, library = Batch.of(np.arange(12)), load()
    library.n_threads = 1
    alone = hidden(native, batch)
    assert planned(native)
    for plans in native.kernels._plans.values():  # type: ignore[attr-defined]
        for plan in plans.values():
            rounds = [i for i, op in enumerate(plan.ops) if op.kind == KINDS.index("round")]
            assert len(rounds) > 4 and all(plan.ops[i - 1].meet for i in rounds if i)
    for library.n_threads in (2, 8):
        for _ in range(20):
            np.testing.assert_array_equal(hidden(native, batch), alone)


def test_products_of_16_bits_among_those_of_bytes(native_library: Path) -> None:
    """What the matrix unit divides lies where rounded activations were."""
    load().n_threads = 2
    _, native = both(llama_bytes(LlamaShape(), "Q8_0"))
    kernels, model = native.kernels, native.transformer
    for i, layer in enumerate(model.layers):
        changed = {
            name: kernels.pack(replace_type(getattr(layer, name), "F16"))
            for name in ("attn_k", "ffn_up")
        }
        model.layers[i] = replace(layer, **changed)
    batch = Batch.of(np.arange(40))
    whole = hidden(native, batch)
    assert planned(native)
    for plans in kernels._plans.values():  # type: ignore[attr-defined]
        for key in plans:
            plans[key] = None
    np.testing.assert_allclose(hidden(native, batch), whole, rtol=0, atol=2e-2)


def replace_type(weight: Weight, name: str) -> Tensor:
    tensor: Tensor = weight.data.tensor
    return Tensor.from_array(tensor.name, tensor.to_float32(), name)


def adapted(model: Model, n: int, type_name: str = "F32") -> list[Layer]:
    """The layers, with n low-rank additions to each matrix."""
    rng = np.random.default_rng(8)

    def over(weight: Weight) -> Weight:
        def low(rows: int, columns: int) -> Weight:
            numbers = rng.standard_normal((rows, columns)) * columns**-0.5
            return model.kernels.pack(Tensor.from_array("lora", numbers, type_name), "blocks")

        rank = 32 if type_name == "Q8_0" else 5
        adapters = [
            Adapter(low(rank, weight.shape[1]), low(weight.shape[0], rank), 0.5) for _ in range(n)
        ]
        return replace(weight, adapters=tuple(adapters))

    return [
        replace(layer, **{
            name: over(weight) for name, weight in vars(layer).items()
            if isinstance(weight, Weight) and len(weight.shape) == 2
        })
        for layer in model.transformer.layers
    ]  # fmt: skip


@pytest.mark.parametrize(("type_name", "n"), [("F32", 1), ("F16", 2), ("Q8_0", 1)])
@pytest.mark.parametrize("name", ["qwen2", "gemma2", "phi2"])
def test_adapters_are_products_too(native_library: Path, name: str, n: int, type_name: str) -> None:
    found = []
    for model in both(case_bytes(CASES[name])):
        layers = adapted(model, n, type_name)
        model.transformer = replace(model.transformer, layers=layers)
        rows = [hidden(model, Batch.of(np.arange(size) % 7)) for size in (1, 6, 30)]
        found.append(np.concatenate(rows))
    assert planned(model) and not halves(model)
    np.testing.assert_allclose(
        found[1], found[0], rtol=0, atol=1e-1 if type_name == "Q8_0" else 3e-3
    )


def test_too_many_adapters_are_composed(native_library: Path) -> None:
    numpy, native = both(case_bytes(CASES["qwen2"]))
    found = []
    for model in (numpy, native):
        model.transformer = replace(model.transformer, layers=adapted(model, 6))
        found.append(hidden(model, Batch.of(np.arange(5))))
    assert not planned(native)
    np.testing.assert_allclose(found[1], found[0], rtol=0, atol=3e-5)


def test_what_does_not_fit_is_refused(native_library: Path) -> None:
    _, native = both(case_bytes(CASES["qwen2"]))
    model, kernels = native.transformer, native.kernels
    layer, spec, cache = model.layers[0], model.specs[0], model.new_cache(n_ctx=8).layers[0]
    x = np.zeros((2, native.config.n_embd), np.float32)
    cis = (np.zeros((2, spec.head_dim // 2, 2), np.float32),)
    held = cache.k.shape[2]
    for span, words in (
        (Span(0, 3, 0, 0), "is not of 2 tokens and 1 slots"),
        (Span(0, 2, 1, 0), "is not of 2 tokens and 1 slots"),
        (Span(0, 2, 0, held - 1), f"leaves the cache of {held} positions"),
    ):
        with pytest.raises(InputError, match=words):
            kernels.block(x, layer, spec, cache, Step((span,), cis))
    short = (np.zeros((1, spec.head_dim // 2, 2), np.float32),)
    with pytest.raises(InputError, match=r"angles of \(1, "):
        kernels.block(x, layer, spec, cache, Step((Span(0, 2, 0, 0),), short))
    flat = (np.zeros(2, np.float32),)
    with pytest.raises(InputError, match=r"angles of \(2,\)"):
        kernels.block(x, layer, spec, cache, Step((Span(0, 2, 0, 0),), flat))
    with pytest.raises(InputError, match=r"activations of \(2, 3\)"):
        kernels.block(x[:, :3], layer, spec, cache, Step((Span(0, 2, 0, 0),), cis))


def test_tensors_that_do_not_fit_together_are_refused(native_library: Path) -> None:
    _, native = both(case_bytes(CASES["qwen2"]))
    model, kernels = native.transformer, native.kernels
    layer, spec, cache = model.layers[0], model.specs[0], model.new_cache(n_ctx=8).layers[0]
    n_embd = native.config.n_embd
    x, step = np.zeros((1, n_embd), np.float32), Step((Span(0, 1, 0, 0),), ())
    narrow = kernels.pack(Tensor.from_array("narrow", np.zeros((n_embd, 7)), "F32"))
    few = kernels.pack(Tensor.from_array("few", np.zeros((7, n_embd)), "F32"))
    short = kernels.pack(Tensor.from_array("short", np.zeros(7), "F32"))
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"attn_q": narrow}, r"narrow: \(\d+, 7\), expected"),
        ({"attn_k": few, "attn_k_bias": None}, "with 7 columns where"),
        ({"ffn_gate": few}, "with 7 columns where"),
        ({"ffn_down": few}, r"few: \(7, "),
        ({"attn_norm": short}, r"short: \(7,\), expected"),
        ({"attn_q_bias": short}, r"short: \(7,\), expected"),
        ({"attn_sinks": short}, r"short: \(7,\), expected"),
    ]
    for parts, words in wrong:
        with pytest.raises(InputError, match=words):
            kernels.block(x, replace(layer, **parts), spec, cache, step)
    with pytest.raises(InputError, match="0 tables of angles"):
        kernels.block(x, layer, spec, cache, step)
    cis = (np.zeros((1, spec.head_dim // 2, 2), np.float32),)
    half = KVLayer(cache.k, np.zeros_like(cache.v, np.float16))
    with pytest.raises(InputError, match="a cache of float16: expected float32"):
        kernels.block(x, layer, spec, half, Step(step.spans, cis))


def test_a_layer_with_other_numbers_is_planned_anew(native_library: Path) -> None:
    numpy, native = both(case_bytes(CASES["qwen2"]))
    x = np.random.default_rng(5).standard_normal((9, native.config.n_embd)).astype(np.float32)
    found = []
    for window in (0, 2):
        for model in (numpy, native):
            cache = model.transformer.new_cache(n_ctx=16).layers[0]
            spec = replace(model.transformer.specs[0], window=window)
            cis = (np.ones((9, spec.head_dim // 2, 2), np.float32),)
            step, layer = Step((Span(0, 9, 0, 0),), cis), model.transformer.layers[0]
            found.append(model.kernels.block(x, layer, spec, cache, step))
    np.testing.assert_allclose(found[1], found[0], rtol=0, atol=3e-5)
    np.testing.assert_allclose(found[3], found[2], rtol=0, atol=3e-5)
    assert np.abs(found[2] - found[0]).max() > 1e-3


def test_several_python_threads_have_caches_of_their_own(native_library: Path) -> None:
    """The plans of layers, which remember the cache that they ran with last, are shared."""
    _, native = both(llama_bytes(LlamaShape(), "Q8_0"))
    load().n_threads = 3
    batches = [Batch.of(np.arange(n, n + 5)) for n in range(8)]
    want = [hidden(native, batch) for batch in batches]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(20):
            got = pool.map(lambda batch: hidden(native, batch), batches)
            for a, b in zip(got, want, strict=True):
                np.testing.assert_array_equal(a, b)


def test_buffers_are_shared_only_where_threads_have_met() -> None:
    """0 -> 2 and 0 -> 3 side by side, 2 -> 4 and 3 -> 5 after they met, 4 + 5 -> 1."""
    ops = [
        Op(a=0, b=0, out=2, meet=False),
        Op(a=0, b=0, out=3, meet=True),
        Op(a=2, b=0, out=4, meet=False),
        Op(a=3, b=0, out=5, meet=True),
        Op(a=4, b=5, out=1, meet=True),
    ]
    widths = assign(ops, [8, 8, 8, 8, 8, 8], 2)
    assert widths == [8] * 6  # 2 is read until the threads meet after 5 is made
    ops[2].meet = True
    chain = [Op(a=0, b=0, out=2, meet=True), Op(a=2, b=0, out=3, meet=True)]
    chain += [Op(a=3, b=0, out=4, meet=True), Op(a=4, b=0, out=1, meet=True)]
    assert assign(chain, [8, 8, 8, 4, 8], 2) == [8, 8, 8, 4]
    assert [(op.a, op.out) for op in chain] == [(0, 2), (2, 3), (3, 2), (2, 1)]
