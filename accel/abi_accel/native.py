"""`NativeKernels`: C for what it does faster, the NumPy reference for the rest.

Sizes and layouts are checked here, because the kernels check nothing.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Mapping, Sequence
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from abi.errors import InputError
from abi.kernels import Array, KVLayer, Layer, SearchCosts, Spec, Step, Weight, check_product
from abi.quant import Tensor
from abi_accel._exports import Matmul
from abi_accel._graphs import NativeGraphs
from abi_accel._library import load
from abi_accel._partitions import NativePartitions
from abi_accel._plan import Plan
from abi_accel._program import plan
from abi_accel._run import Course
from abi_accel._weights import DENSE, Native, address, aligned

__all__ = ["NativeKernels"]

_FEW = 16  # tokens of all layers in one call


class NativeKernels(NativeGraphs, NativePartitions):
    """Kernels in C.

    Quantised matrices keep their blocks, 16 rows side by side, and meet activations that are
    rounded to 8 bits a block, as llama.cpp does it. Float16 and bfloat16 stay as they are; few
    activations meet them in float32, many in 16 bits a block or as sums of two bfloat16.
    A layer is one call, as far as its experts if it has some that are not quantised.
    """

    name = "native"
    costs = SearchCosts(
        row=(0, 0.00012),
        gathered=(0.03, 0.0004),
        product=(0.0003, 0.000003),
        product_few=(0.001, 0.00005),
        many=16,
        exact_call=40,
        walk=(0.01, 0.0003),
        walk_call=40,
        filter_call=40,
        look=(0.003, 0.00015),
        look_call=50,
        part_call=0.3,
        looks_together=False,
    )

    def __init__(self) -> None:
        self._library = load()
        self._own = threading.local()  # scratch memory of each thread
        self._plans: WeakKeyDictionary[Layer, dict[tuple[str, str, int, int], Plan | None]] = (
            WeakKeyDictionary()
        )

    @property
    def detail(self) -> str:
        """The instruction set, the number of threads, and what they are bound to."""
        n, place = self._library.n_threads, self._library.affinity
        where = f" bound to {place}" if n > 1 and place != "none" else ""
        return f"{self._library.isa}, {n} thread{'s' * (n != 1)}{where}"

    def set_threads(self, n: int) -> None:
        """Compute with n threads, 1 to 256, from now on, in the whole process.

        Raises
        ------
        KernelError
            If there cannot be as many.
        """
        self._library.set_threads(n)

    @classmethod
    def available(cls) -> str | None:
        """None if the library loads, else why it does not.

        Raises
        ------
        KernelError
            If an environment variable asks for what cannot be.
        """
        try:
            load()
        except OSError as error:
            return f"the library cannot be loaded: {error}"
        return None

    def pack(self, tensor: Tensor, weights: str = "float32") -> Weight:
        """Lay a matrix out for the kernels; what they have no kernel for, as the reference."""
        name = tensor.type.name
        if len(tensor.shape) != 2 or name == "F32" or "norm" in tensor.name:
            return super().pack(tensor, weights)
        n_bytes = int(self._library.packed_size(tensor.type.id, *tensor.shape))
        if not n_bytes and name not in DENSE:
            return super().pack(tensor, weights)
        given = np.ascontiguousarray(tensor.data).view(np.uint8).reshape(-1)
        if given.nbytes != tensor.n_bytes:
            raise InputError(f"{tensor.name}: {given.nbytes} bytes, expected {tensor.n_bytes}")
        data = given
        if n_bytes:
            data = aligned(n_bytes)
            where = (address(given), *tensor.shape, address(data))
            self._library.pack(tensor.type.id, *where, self._library.n_threads)
        elif weights != "blocks":  # small pages of a mapped file are read at two thirds the rate
            n_bytes = given.nbytes
            data = aligned(n_bytes)
            data[...] = given
        native = Native(name, data, tensor)
        return Weight(tensor.name, tensor.shape, name, "native", native, n_bytes)

    def take_rows(self, w: Weight, ids: npt.NDArray[np.int64]) -> Array:
        """Rows of a matrix: `(n, k)` at `(T,)` to `(T, k)`."""
        if w.layout != "native":
            return super().take_rows(w, ids)
        return super().take_rows(w.data.stored, ids)

    def matmul(self, x: Array, w: Weight) -> Array:
        """`x @ w.T`: `(T, k)` by `(n, k)` to `(T, n)`."""
        if w.layout not in ("native", "float32"):
            return super().matmul(x, w)
        check_product(x, w)
        n, k = w.shape
        native, library = Native.of(w), self._library
        threads = library.n_threads
        x = np.ascontiguousarray(x, np.float32)
        out = np.empty((len(x), n), np.float32)
        size = library.scratch_size(native.type, k, len(x), threads)
        given = Matmul(
            native.address, address(x), address(out), self._room(size), 0, n, k, len(x), n,
            native.type,
        )  # fmt: skip
        library.matmul(ctypes.byref(given), threads)
        return out

    def block(self, x: Array, layer: Layer, spec: Spec, cache: KVLayer, step: Step) -> Array:
        """One transformer layer: `(T, n_embd)` to the same."""
        made = self._plan(layer, spec, cache, x.shape[1])
        if made is None or not len(x):
            return super().block(x, layer, spec, cache, step)
        course = Course(self._library, [layer], [made], [cache], [step], len(x))
        x = self._run(course, x, [cache], [step])
        return self.fed(x, layer, spec) if made.half else x

    def layers(
        self,
        x: Array,
        layers: Sequence[Layer],
        specs: Sequence[Spec],
        caches: Sequence[KVLayer],
        steps: Sequence[Step],
        control: Mapping[int, Array],
    ) -> Array:
        """All layers in turn; those of a few tokens in one call, which nothing interrupts."""
        if control or not 0 < len(x) <= _FEW or not layers:
            return super().layers(x, layers, specs, caches, steps, control)
        ready: Course | None = getattr(self._own, "course", None)
        if ready is None or not ready.fits(layers, specs, caches, steps, len(x)):
            made = [
                self._plan(layer, spec, cache, x.shape[1])
                for layer, spec, cache in zip(layers, specs, caches, strict=True)
            ]
            plans = [plan for plan in made if plan is not None and not plan.half]
            if len(plans) != len(made):
                return super().layers(x, layers, specs, caches, steps, control)
            ready = self._own.course = Course(self._library, layers, plans, caches, steps, len(x))
        return self._run(ready, x, caches, steps)

    def _run(
        self, course: Course, x: Array, caches: Sequence[KVLayer], steps: Sequence[Step]
    ) -> Array:
        if self.profile is None:
            return course.run(x, steps, self._room)
        return course.run_noted(x, steps, self._room, caches, self.profile)

    def _plan(self, layer: Layer, spec: Spec, cache: KVLayer, n_embd: int) -> Plan | None:
        plans = self._plans.setdefault(layer, {})
        key = (cache.type_k, cache.type_v, cache.rotate_k, cache.rotate_v)
        if key not in plans:  # of two threads that write one, both take the first
            return plans.setdefault(key, plan(layer, spec, cache, n_embd))
        made = plans[key]
        if made and made.spec is not spec and made.spec != spec:
            made = plans[key] = plan(layer, spec, cache, n_embd)
        return made
