"""Indexes of segments: which suits, making and reading them, searching, and judging them."""

from abi.store.indexes._asked import Asked, Judgement, Query
from abi.store.indexes._before import Before
from abi.store.indexes._choice import Choice, choose, missing
from abi.store.indexes._file import build, read
from abi.store.indexes._judge import Exam, first_widths, fits
from abi.store.indexes._opened import Opened, Options
from abi.store.indexes._partition import Layout, Partition, partition

__all__ = [
    "Asked",
    "Before",
    "Choice",
    "Exam",
    "Judgement",
    "Layout",
    "Opened",
    "Options",
    "Partition",
    "Query",
    "build",
    "choose",
    "first_widths",
    "fits",
    "missing",
    "partition",
    "read",
]
