"""Few buffers for many values: each is used again once what it held was read for the last time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from abi_accel._exports import Op

__all__ = ["assign"]


@dataclass
class _Buffer:
    width: int
    until: int  # the operation up to which it is held


def assign(ops: Sequence[Op], widths: Sequence[int], given: int) -> list[int]:
    """Let values share buffers, in the operations themselves.

    A value is held until the threads meet after its last use: what comes before that may still
    be going on in one of them.

    Parameters
    ----------
    ops : sequence of Op
        Whose `a`, `b` and `out` are numbers of values; they become numbers of buffers.
    widths : sequence of int
        Floats a token of each value.
    given : int
        The first values, which are the caller's buffers and stay what they are.

    Returns
    -------
    list of int
        The width of each buffer.
    """
    last = _last_uses(ops, len(widths))
    buffers = [_Buffer(width, len(ops)) for width in widths[:given]]
    place = {value: value for value in range(given)}
    for i, op in enumerate(ops):
        if op.out not in place:
            place[op.out] = _take(buffers, widths[op.out], i, last[op.out])
        op.a, op.b, op.out = (place.get(value, 0) for value in (op.a, op.b, op.out))
    return [buffer.width for buffer in buffers]


def _take(buffers: list[_Buffer], width: int, now: int, until: int) -> int:
    """A buffer that is free now, the narrowest that is wide enough; a new one if there is none."""
    free = [n for n, b in enumerate(buffers) if b.until < now and b.width >= width]
    if free:
        found = min(free, key=lambda n: buffers[n].width)
        buffers[found].until = until
        return found
    buffers.append(_Buffer(width, until))
    return len(buffers) - 1


def _last_uses(ops: Sequence[Op], n: int) -> list[int]:
    """The operation after which each value's buffer may be another's."""
    last = [0] * n
    for i, op in enumerate(ops):
        for value in (op.a, op.b, op.out):
            last[value] = i
    meets = [i for i, op in enumerate(ops) if op.meet]
    return [next((m for m in meets if m >= i), len(ops)) for i in last]
