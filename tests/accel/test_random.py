"""Layers of any numbers, spans and caches give what the reference gives."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from abi_accel._library import load
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from abi.kernels import KVLayer, Layer, NumpyKernels, Span, Spec, Step, Weight, select
from abi.kernels._kv import kv_read
from abi.quant import TYPES as TABLE
from abi.quant import Tensor, encode
from tests.accel.test_native import PACKED

F32 = npt.NDArray[np.float32]

CHECKED = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
TYPES = ("F32", "F16", "BF16", "Q8_0", "Q4_0", "Q5_1", "Q4_K", "Q6_K")


@dataclass(frozen=True)
class Case:
    """A layer, its numbers, and two steps over three slots."""

    spec: Spec
    n_embd: int
    types: tuple[str, ...]  # of the matrices
    cache: tuple[str, str]
    steps: tuple[tuple[tuple[int, int], ...], ...]  # (slot, tokens), one a span
    n_rot: int
    norms: bool
    sinks: bool
    biases: bool
    fused: bool
    isa: int
    threads: int
    seed: int


@st.composite
def cases(draw: st.DrawFn) -> Case:
    def one(*values: Any) -> Any:
        return draw(st.sampled_from(values))

    dense = one(True, True, False)  # rows of any width
    names = st.sampled_from(TYPES[:3] if dense else TYPES)
    types = tuple(draw(st.lists(names, min_size=7, max_size=7)))
    kv, group = one(1, 2, 3), one(1, 2, 5, 8) if dense else one(1, 2)
    head_dim = one(2, 6, 16, 18, 40, 64, 256) if dense else 256
    spec = Spec(
        kv * group, kv, head_dim, 1e-5, head_dim**-0.5, norm=one("rms", "layer"),
        rope=one(None, 0), rope_neox=draw(st.booleans()), causal=draw(st.booleans()),
        window=one(0, 0, 1, 2, 7, 64, 65), softcap=one(0.0, 0.0, 3.0), parallel=draw(st.booleans()),
        act=one("silu", "relu", "tanh", "sigmoid"), residual_scale=one(1.0, 0.5),
        n_ff=draw(st.integers(1, 70)) if dense else 256,
    )  # fmt: skip
    held = ("f32", "f16") if head_dim % 32 else ("f32", "f16", "q8_0", "q4_0")
    spans = st.lists(
        st.tuples(st.integers(0, 2), st.integers(1, 80)), min_size=1, max_size=3,
        unique_by=lambda span: span[0],
    )  # fmt: skip
    return Case(
        spec,
        draw(st.integers(1, 70)) if dense else 256,
        types,
        (one(*held), one(*held)),
        tuple(tuple(draw(spans)) for _ in range(2 if spec.causal else 1)),
        2 * draw(st.integers(0, head_dim // 2)),
        *(draw(st.booleans()) for _ in range(4)),
        draw(st.integers(0, 3)),
        one(1, 2, 5),
        draw(st.integers(0, 99)),
    )


@lru_cache(maxsize=8)  # both kernels take the same
def tensor(seed: int, n: int, k: int, name: str) -> Tensor:
    rng = np.random.default_rng(seed)
    return Tensor.from_array("w", rng.standard_normal((n, k)) / k**0.5, name)


def made(case: Case, kernels: NumpyKernels) -> Layer:
    """The layer of a case; matrices of the reference hold what is left of the quantised."""
    spec, rng = case.spec, np.random.default_rng(case.seed)
    places = iter(range(len(case.types)))
    q, kv = spec.n_head * spec.head_dim, spec.n_head_kv * spec.head_dim

    def matrix(n: int, k: int) -> Weight:
        place = next(places)
        return kernels.pack(tensor(case.seed + place, n, k, case.types[place]))

    def vector(n: int, *, there: bool = True, around: float = 0.0) -> Weight | None:
        values = around + 0.2 * rng.standard_normal(n)
        return kernels.pack(Tensor.from_array("v", values, "F32")) if there else None

    b = case.biases
    wide = matrix(q + 2 * kv, case.n_embd) if case.fused else None
    return Layer(
        attn_norm=vector(case.n_embd, around=1.0),
        attn_norm_bias=vector(case.n_embd, there=b),
        attn_qkv=wide,
        attn_qkv_bias=vector(q + 2 * kv, there=b),
        attn_q=matrix(q, case.n_embd) if wide is None else None,
        attn_k=matrix(kv, case.n_embd) if wide is None else None,
        attn_v=matrix(kv, case.n_embd) if wide is None else None,
        attn_q_bias=vector(q, there=b and wide is None),
        attn_v_bias=vector(kv, there=b and wide is None),
        attn_q_norm=vector(spec.head_dim, there=case.norms, around=1.0),
        attn_k_norm=vector(kv, there=case.norms, around=1.0),
        attn_sinks=vector(spec.n_head, there=case.sinks),
        attn_output=matrix(case.n_embd, q),
        attn_output_bias=vector(case.n_embd, there=b),
        ffn_norm=vector(case.n_embd, there=not spec.parallel, around=1.0),
        ffn_gate=matrix(spec.n_ff, case.n_embd),
        ffn_up=matrix(spec.n_ff, case.n_embd),
        ffn_up_bias=vector(spec.n_ff, there=b),
        ffn_down=matrix(case.n_embd, spec.n_ff),
    )


def steps_of(case: Case) -> list[tuple[F32, Step]]:
    rng, held, found = np.random.default_rng(case.seed + 1), [0, 0, 0], []
    for parts in case.steps:
        start, spans = 0, []
        for slot, n in parts:
            spans.append(Span(start, start + n, slot, held[slot]))
            start, held[slot] = start + n, held[slot] + n
        angle = rng.uniform(-9, 9, (start, case.n_rot // 2))
        cis = np.stack([np.cos(angle), np.sin(angle)], -1).astype(np.float32)
        x = rng.standard_normal((start, 2 * case.n_embd)).astype(np.float32)[:, ::2]
        found.append((x, Step(tuple(spans), (cis,))))
    return found


def outputs(case: Case, kernels: NumpyKernels, layer: Layer) -> tuple[list[F32], KVLayer]:
    spec = case.spec
    cache = kernels.kv_new((3, spec.n_head_kv, 160, spec.head_dim), case.cache)
    cache.k[...], cache.v[...] = 0, 0
    found = []
    for x, step in steps_of(case):
        with np.errstate(all="ignore"):
            found.append(kernels.layers(x, [layer], [spec], [cache], [step], {}))
    return found, cache


def held(cache: KVLayer) -> list[F32]:
    """All keys, and all values."""
    return [
        np.stack([kv_read(store, slot, 0, store.shape[2], kind) for slot in range(len(store))])
        for store, kind in ((cache.k, cache.type_k), (cache.v, cache.type_v))
    ]


@given(case=cases())
@CHECKED
def test_a_layer_is_that_of_the_reference(native_library: Path, case: Case) -> None:
    library, native = load(), select("native")
    library.choose(library.isas[case.isa % len(library.isas)])
    library.n_threads = case.threads
    layers = [made(case, kernels) for kernels in (select("numpy"), native)]
    want, want_cache = outputs(case, select("numpy"), layers[0])
    got, got_cache = outputs(case, native, layers[1])
    assert any(native._plans.get(layers[1], {}).values())  # type: ignore[attr-defined]
    rounded = {*case.types, *case.cache} - {"F32", "F16", "BF16", "f32"}
    for a, b in zip([*got, *held(got_cache)], [*want, *held(want_cache)], strict=True):
        a, b = a.astype(np.float64), b.astype(np.float64)
        size = np.abs(b).max(initial=1.0)
        bound = 0.08 if rounded - {"f16"} else 3e-3 if rounded else 1e-4
        bound = 0.2 if "q4_0" in rounded else bound  # one code more or less is an eighth
        assert np.abs(a - b).max(initial=0.0) < bound * size


@given(case=cases(), odd=st.sampled_from([np.nan, np.inf]), row=st.integers(0, 200))
@CHECKED
def test_what_is_no_number_stays_in_its_slot(
    native_library: Path, case: Case, odd: float, row: int
) -> None:
    """A row that is no number is none afterwards, and other slots do not see it."""
    library, native = load(), select("native")
    library.choose(library.isas[case.isa % len(library.isas)])
    library.n_threads = case.threads
    layer = made(case, native)
    x, step = steps_of(replace(case, steps=case.steps[:1]))[0]
    row %= len(x)
    spec = case.spec
    found = []
    for value in (x[row, 0], odd):
        cache = native.kv_new((3, spec.n_head_kv, 160, spec.head_dim), case.cache)
        given = x.copy()
        given[row, 0] = value
        with np.errstate(all="ignore"):
            found.append(native.block(given, layer, spec, cache, step))
    clean, broken = found
    assert np.isfinite(clean).all() and np.isnan(broken[row]).any()
    for span in step.spans:
        if not span.start <= row < span.stop:
            rows = slice(span.start, span.stop)
            np.testing.assert_array_equal(broken[rows], clean[rows])


def test_one_key_in_sight_of_a_block_that_is_no_number(native_library: Path) -> None:
    """Row 127 sees positions 64 to 127; of the block 1 to 64 that is the last only."""
    spec = Spec(1, 1, 16, 1e-5, 0.25, rope=None, window=64, n_ff=16)
    rng = np.random.default_rng(0)
    x = rng.standard_normal((128, 16)).astype(np.float32)
    x[:, 0] = 0
    x[64, 0] = 9  # times what only keys take of it: infinity
    step = Step((Span(0, 128, 0, 0),), (np.zeros((128, 0, 2), np.float32),))
    for kernels in (select("numpy"), select("native")):
        names = ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")
        arrays = {name: rng.standard_normal((16, 16)) for name in names}
        arrays["attn_k"][:, 0] = 3e38
        cache = kernels.kv_new((1, 1, 160, 16))
        layer = Layer(
            **{n: kernels.pack(Tensor.from_array(n, a, "F32")) for n, a in arrays.items()}
        )
        with np.errstate(all="ignore"):
            out = kernels.block(x, layer, spec, cache, step)
        assert np.isfinite(cache.v[0, 0, :128]).all()
        assert np.isnan(out[64:]).all()


@given(
    name=st.sampled_from(PACKED), n=st.integers(1, 70), blocks=st.integers(1, 3),
    n_tokens=st.integers(0, 40), threads=st.sampled_from([1, 2, 5]), seed=st.integers(0, 99),
    power=st.integers(-36, 36), odd=st.sampled_from([0.0, np.nan, np.inf, 1e-45, 1e30]),
)  # fmt: skip
@CHECKED
def test_instruction_sets_differ_in_the_order_of_sums_only(
    native_library: Path, name: str, n: int, blocks: int, n_tokens: int, threads: int, seed: int,
    power: int, odd: float,
) -> None:  # fmt: skip
    rng, library, native = np.random.default_rng(seed), load(), select("native")
    library.n_threads = threads
    k = blocks * (32 if TABLE[name].block_size == 32 else 256)
    tensor = Tensor.from_array("w", rng.standard_normal((n, k)), name)
    x = (rng.standard_normal((n_tokens, k)) * 10.0**power).astype(np.float32)
    if n_tokens:
        x[seed % n_tokens, seed % k] = odd
    weight, found = native.pack(tensor), []
    for isa in library.isas:
        library.choose(isa)
        found.append(native.matmul(x, weight).astype(np.float64))
    table = tensor.to_float32().astype(np.float64)
    sizes = np.abs(np.nan_to_num(x.astype(np.float64), posinf=0)) @ np.abs(table).T
    for got in found[1:]:
        np.testing.assert_array_equal(np.isnan(got), np.isnan(found[0]))
        apart = np.abs(np.nan_to_num(got) - np.nan_to_num(found[0]))
        assert (apart <= 1e-5 * sizes + 1e-37).all()


@pytest.mark.parametrize("n_tokens", [0, 1, 9, 40])
def test_products_of_arrays_that_are_not_contiguous(native_library: Path, n_tokens: int) -> None:
    rng = np.random.default_rng(0)
    wide = rng.integers(-127, 128, (96, 2 * n_tokens)).astype(np.float32)
    wide[::32] = 127
    x = wide[:, ::2].T
    for name in ("F16", "Q8_0", "Q5_1"):
        tensor = Tensor.from_array("w", rng.standard_normal((21, 96)), name)
        got = select("native").matmul(x, select("native").pack(tensor))
        want = x.astype(np.float64) @ tensor.to_float32().astype(np.float64).T
        np.testing.assert_allclose(got, want, rtol=0, atol=0.25 if name == "F16" else 2e-2)


@pytest.mark.parametrize("kind", ["q8_0", "q4_0"])
def test_blocks_of_the_cache_are_those_of_the_file_format(native_library: Path, kind: str) -> None:
    """Keys and values that are kept as they are, and in blocks: these are what encoding makes."""
    native, rng = select("native"), np.random.default_rng(5)
    spec = Spec(2, 2, 64, 1e-5, 0.125, rope=None, n_ff=64)
    names = ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")
    sides = {name: (128, 64) if name in names[:3] else (64, 64) for name in names}
    sides["attn_output"] = (64, 128)
    layer = Layer(
        attn_norm=native.pack(Tensor.from_array("n", np.ones(64), "F32")),
        ffn_norm=native.pack(Tensor.from_array("n", np.ones(64), "F32")),
        **{
            name: native.pack(Tensor.from_array(name, rng.standard_normal(shape), "F32"))
            for name, shape in sides.items()
        },
    )
    x = (rng.standard_normal((90, 64)) * 10 ** rng.uniform(-6, 4, (90, 1))).astype(np.float32)
    x[3], x[4, ::2] = 0, 0
    step = Step((Span(0, 90, 0, 0),), (np.zeros((90, 0, 2), np.float32),))
    caches = [native.kv_new((1, 2, 90, 64), (t, t), rotate=False) for t in ("f32", kind)]
    for cache in caches:
        native.block(x, layer, spec, cache, step)
    assert all(native._plans[layer].values())  # type: ignore[attr-defined]
    plain, blocks = caches
    for name in "kv":
        want = encode(getattr(plain, name).reshape(-1, 64), kind.upper())
        np.testing.assert_array_equal(getattr(blocks, name).reshape(-1), want.reshape(-1))
