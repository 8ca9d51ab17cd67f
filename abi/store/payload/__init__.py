"""Payloads: JSON objects of points, and columns of their values for filters.

A path such as `a.b` goes into nested objects; a list on the way stands for each of its elements.
"""

from abi.store.payload._columns import Columns
from abi.store.payload._encode import MAX_DEPTH, decode, decode_all, encode, encode_all
from abi.store.payload._facet import facet
from abi.store.payload._growing import GrowingColumns
from abi.store.payload._values import Key, Value, keys_of, values_at

__all__ = [
    "MAX_DEPTH",
    "Columns",
    "GrowingColumns",
    "Key",
    "Value",
    "decode",
    "decode_all",
    "encode",
    "encode_all",
    "facet",
    "keys_of",
    "values_at",
]
