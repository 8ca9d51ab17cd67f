"""The kernel seam: everything that computes goes through one object.

`NumpyKernels` is the reference, the protocol and the fallback in one class. A host
accelerator subclasses it and overrides what it does faster; a device accelerator overrides
every method that makes or takes arrays.
"""

from abi.kernels._costs import SearchCosts
from abi.kernels._graph_space import Scoring, Space, unit
from abi.kernels._graph_types import ABSENT, Graph
from abi.kernels._kv import KV_TYPES, rotation
from abi.kernels._numpy import NumpyKernels, check_product
from abi.kernels._partitions import Look, Ranking
from abi.kernels._profile import Profile, Spent, cached_bytes, read_bandwidth, watched
from abi.kernels._select import REGISTRY, Candidate, candidates, select, use
from abi.kernels._top import Top
from abi.kernels._types import (
    Adapter,
    Array,
    Experts,
    KVLayer,
    Layer,
    Span,
    Spec,
    Step,
    Weight,
)

__all__ = [
    "ABSENT",
    "KV_TYPES",
    "REGISTRY",
    "Adapter",
    "Array",
    "Candidate",
    "Experts",
    "Graph",
    "KVLayer",
    "Layer",
    "Look",
    "NumpyKernels",
    "Profile",
    "Ranking",
    "Scoring",
    "SearchCosts",
    "Space",
    "Span",
    "Spec",
    "Spent",
    "Step",
    "Top",
    "Weight",
    "cached_bytes",
    "candidates",
    "check_product",
    "read_bandwidth",
    "rotation",
    "select",
    "unit",
    "use",
    "watched",
]
