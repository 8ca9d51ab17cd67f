"""Routing, worked by hand."""

from __future__ import annotations

import numpy as np

from abi.kernels import Spec
from abi.kernels._moe import route

SPEC = Spec(n_head=1, n_head_kv=1, head_dim=1, eps=0.0, scale=1.0, n_expert_used=2)


def test_weights_of_the_experts_used_sum_to_one() -> None:
    scores = np.log(np.array([[1, 4, 2, 1]], np.float32))
    chosen, weights = route(scores, SPEC)
    assert chosen.tolist() == [[1, 2]]
    np.testing.assert_allclose(weights, [[4 / 6, 2 / 6]], rtol=1e-6)


def test_a_sum_near_zero_is_not_blown_up() -> None:
    """llama.cpp divides by the smallest normal float16 at least: 2 ** -14."""
    n = 1 << 16
    _, weights = route(np.zeros((1, n), np.float32), SPEC)
    np.testing.assert_allclose(weights, [[2**14 / n] * 2], rtol=1e-6)
