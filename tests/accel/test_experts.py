"""Layers with quantised experts in one call, against the same products one by one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from abi_accel._library import load
from abi_accel._operations import KINDS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from abi.errors import InputError
from abi.kernels import Layer, NumpyKernels, Profile, Span, Spec, Step, select
from abi.kernels._block import ComposedKernels
from abi.kernels._moe import route
from abi.quant import Tensor

HEADS, HEAD_DIM = 2, 32


@dataclass(frozen=True)
class Case:
    """A layer's shape, and what it is given."""

    isa: int = -1
    type_name: str = "Q8_0"
    down_type: str = "Q8_0"
    n_tokens: int = 5
    n_embd: int = 256
    n_ff: int = 256
    n_experts: int = 8
    n_used: int = 2
    among: str = "all"
    norm: bool = True
    act: str = "silu"
    biased: bool = False
    shared: str = "none"
    seed: int = 0

    def spec(self) -> Spec:
        return Spec(
            HEADS, HEADS, HEAD_DIM, 1e-5, HEAD_DIM**-0.5, rope=None, n_ff=self.n_ff, act=self.act,
            n_expert_used=self.n_used, expert_norm=self.norm, expert_softmax=self.among,
        )  # fmt: skip

    def layer(self, kernels: NumpyKernels) -> Layer:
        rng = np.random.default_rng(self.seed)

        def matrix(n: int, k: int, type_name: str = "F32") -> Any:
            numbers = rng.standard_normal((n, k)) * k**-0.5
            return kernels.pack(Tensor.from_array("w", numbers, type_name), "blocks")

        def every(make: Callable[[], Any]) -> tuple[Any, ...]:
            return tuple(make() for _ in range(self.n_experts))

        def bias(n: int) -> Any:
            shape = (self.n_experts, n)
            return kernels.pack(Tensor.from_array("b.bias", rng.standard_normal(shape)))

        kind, e, f = self.type_name, self.n_embd, self.n_ff
        width = HEADS * HEAD_DIM
        found: dict[str, Any] = {
            "attn_norm": kernels.pack(Tensor.from_array("norm", np.ones(e))),
            "ffn_norm": kernels.pack(Tensor.from_array("norm", np.ones(e))),
            "attn_output": matrix(e, width),
            "ffn_gate_inp": matrix(self.n_experts, e),
            "ffn_up_exps": every(lambda: matrix(f, e, kind)),
            "ffn_down_exps": every(lambda: matrix(e, f, self.down_type)),
        }
        for name in ("attn_q", "attn_k", "attn_v"):
            found[name] = matrix(width, e)
        if self.act != "relu":
            found["ffn_gate_exps"] = every(lambda: matrix(f, e, kind))
        if self.biased:
            found["ffn_up_exps_bias"], found["ffn_down_exps_bias"] = bias(f), bias(e)
            found["ffn_gate_inp_bias"] = kernels.pack(
                Tensor.from_array("b.bias", rng.standard_normal(self.n_experts))
            )
            if self.act != "relu":
                found["ffn_gate_exps_bias"] = bias(f)
        if self.shared != "none":
            found["ffn_gate_shexp"], found["ffn_up_shexp"] = matrix(f, e), matrix(f, e, kind)
            found["ffn_down_shexp"] = matrix(e, f, kind)
        if self.shared == "gated":
            found["ffn_gate_inp_shexp"] = matrix(1, e)
        return Layer(**found)

    def both(self, kernels: NumpyKernels, layer: Layer) -> tuple[Any, Any]:
        """By one call, and by one a product."""
        rng = np.random.default_rng(self.seed + 1)
        x = rng.standard_normal((self.n_tokens, self.n_embd)).astype(np.float32)
        step = Step((Span(0, self.n_tokens, 0, 0),), ())
        made = []
        for block in (type(kernels).block, ComposedKernels.block):
            cache = kernels.kv_new((1, HEADS, 64, HEAD_DIM))
            made.append(block(kernels, x, layer, self.spec(), cache, step))
        return made[0], made[1]


def whole(kernels: Any, layer: Layer) -> bool:
    """Whether there is a program for all of it."""
    plans = list(kernels._plans[layer].values())
    return bool(plans) and all(plan is not None and not plan.half for plan in plans)


def assert_same(got: Any, want: Any) -> None:
    """But for the order of sums, and what that rounds to another byte."""
    scale = np.abs(want).max()
    difference = np.abs(got - want) / scale
    assert difference.max() < 1e-2
    assert np.median(difference) < 2e-3


@st.composite
def cases(draw: st.DrawFn) -> Case:
    kind = st.sampled_from(["Q8_0", "Q4_0", "Q4_1", "Q4_K", "Q6_K", "Q2_K", "MXFP4"])
    n_experts = draw(st.sampled_from([1, 2, 3, 8, 17]))
    return Case(
        isa=draw(st.integers(0, 9)),
        type_name=draw(kind),
        down_type=draw(kind),
        n_tokens=draw(st.sampled_from([1, 2, 3, 9, 16, 33])),
        n_embd=draw(st.sampled_from([256, 512])),
        n_ff=draw(st.sampled_from([256, 768])),
        n_experts=n_experts,
        n_used=draw(st.integers(1, min(n_experts, 4))),
        among=draw(st.sampled_from(["all", "used"])),
        norm=draw(st.booleans()),
        act=draw(st.sampled_from(["silu", "gelu", "relu", "swiglu_oai"])),
        biased=draw(st.booleans()),
        shared=draw(st.sampled_from(["none", "open", "gated"])),
        seed=draw(st.integers(0, 99)),
    )


@given(case=cases())
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_any_layer_is_its_products(native_library: Path, case: Case) -> None:
    library, kernels = load(), select("native")
    library.choose(library.isas[case.isa % len(library.isas)])
    layer = case.layer(kernels)
    if case.shared != "none" and case.act == "swiglu_oai":
        return  # no architecture has both
    got, want = case.both(kernels, layer)
    assert whole(kernels, layer)
    assert_same(got, want)


@pytest.mark.parametrize("among", ["all", "used"])
@pytest.mark.parametrize("norm", [True, False])
def test_the_reference_chooses_the_same(native_library: Path, among: str, norm: bool) -> None:
    """Experts that multiply by their number tell which were chosen, and how they were weighed."""
    kernels, rng = select("native"), np.random.default_rng(3)
    case = Case(n_tokens=40, n_experts=12, n_used=3, among=among, norm=norm, act="relu", n_embd=32,
                n_ff=32)  # fmt: skip
    router = rng.standard_normal((12, 32))

    def pack(numbers: Any, kind: str = "Q8_0") -> Any:
        return kernels.pack(Tensor.from_array("w", numbers, kind), "blocks")

    zeros = np.zeros((64, 32))
    layer = Layer(
        attn_q=pack(zeros), attn_k=pack(zeros), attn_v=pack(zeros), attn_output=pack(zeros.T),
        ffn_gate_inp=pack(router, "F32"),
        ffn_up_exps=tuple(pack(np.zeros((32, 32))) for _ in range(12)),
        ffn_up_exps_bias=kernels.pack(Tensor.from_array("b.bias", np.full((12, 32), 127.0))),
        ffn_down_exps=tuple(pack(np.eye(32) * (i + 1)) for i in range(12)),
    )  # fmt: skip
    x = rng.standard_normal((40, 32)).astype(np.float32)
    cache = kernels.kv_new((1, HEADS, 64, HEAD_DIM))
    got = kernels.block(x, layer, case.spec(), cache, Step((Span(0, 40, 0, 0),), ()))
    assert whole(kernels, layer)
    chosen, weights = route((x @ router.T.astype(np.float32)), case.spec())
    want = x + ((chosen + 1) * 127 * weights).sum(1, keepdims=True)
    np.testing.assert_allclose(got, want, rtol=2e-3)


@pytest.mark.parametrize("score", [np.nan, np.inf, -np.inf])
def test_scores_that_are_no_numbers_choose_experts_that_exist(
    native_library: Path, score: float
) -> None:
    case = Case(n_tokens=3, n_used=4)
    kernels = select("native")
    layer = case.layer(kernels)
    x = np.full((3, case.n_embd), score, np.float32)
    cache = kernels.kv_new((1, HEADS, 64, HEAD_DIM))
    with np.errstate(all="ignore"):
        got = kernels.block(x, layer, case.spec(), cache, Step((Span(0, 3, 0, 0),), ()))
    assert got.shape == x.shape and not np.isfinite(got).all()


@pytest.mark.parametrize("act", ["silu", "swiglu_oai"])
def test_what_is_no_number_stays_so(native_library: Path, act: str) -> None:
    kernels = select("native")
    case = Case(act=act, biased=True)
    layer = case.layer(kernels)
    assert layer.ffn_gate_exps_bias is not None
    layer.ffn_gate_exps_bias.data[3] = np.nan
    with np.errstate(all="ignore"):
        got, want = case.both(kernels, layer)
    assert np.isnan(want).any() and not np.isnan(want).all()
    np.testing.assert_array_equal(np.isnan(got), np.isnan(want))


def test_equal_scores_choose_the_first(native_library: Path) -> None:
    case = Case(n_tokens=1, n_experts=6, n_used=2)
    kernels = select("native")
    layer = case.layer(kernels)
    assert layer.ffn_gate_inp is not None
    layer.ffn_gate_inp.data[...] = 0
    got, want = case.both(kernels, layer)
    assert_same(got, want)


def test_sizes_that_do_not_fit_are_told(native_library: Path) -> None:
    kernels = select("native")
    case = Case()
    layer = case.layer(kernels)
    assert layer.ffn_up_exps is not None
    few = replace(layer, ffn_up_exps=layer.ffn_up_exps[:-1])
    with pytest.raises(InputError, match=r"7 of .* expected 8 of"):
        case.both(kernels, few)
    wide = replace(layer, ffn_down_exps=Case(n_ff=512).layer(kernels).ffn_down_exps)
    with pytest.raises(InputError, match=r"8 of \(256, 512\), expected 8 of \(n, 256\)"):
        case.both(kernels, wide)


def test_what_is_not_quantised_ends_the_program_before(native_library: Path) -> None:
    case = Case(down_type="F32")
    kernels = select("native")
    layer = case.layer(kernels)
    got, want = case.both(kernels, layer)
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-5)
    assert not whole(kernels, layer)


def test_a_profile_names_its_parts(native_library: Path) -> None:
    case = Case(shared="gated")
    kernels = select("native")
    layer = case.layer(kernels)
    kernels.profile = Profile()
    try:
        case.both(kernels, layer)
        noted = dict(kernels.profile)
    finally:
        kernels.profile = None
    assert {"route", "order", "round_routed", "experts", "mix", "gate"} <= noted.keys() & set(KINDS)
    assert noted["experts"].calls == 3 and noted["experts"].n_bytes > 3 * 8 * 256 * 256
