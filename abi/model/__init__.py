"""Transformers: configuration, weights, cache and the forward pass, through the kernel seam."""

from abi.model._adapter import Lora, load_control, load_lora, with_control, with_loras
from abi.model._arch import Architecture
from abi.model._batch import Batch
from abi.model._cache import KVCache
from abi.model._config import POOLINGS, Config
from abi.model._load import Progress, load_transformer
from abi.model._pooling import embed_batch
from abi.model._rope import Rope, Stretch
from abi.model._rows import ARCHITECTURES
from abi.model._saved import load_slot, save_slot
from abi.model._transformer import Outside, Transformer

__all__ = [
    "ARCHITECTURES",
    "POOLINGS",
    "Architecture",
    "Batch",
    "Config",
    "KVCache",
    "Lora",
    "Outside",
    "Progress",
    "Rope",
    "Stretch",
    "Transformer",
    "embed_batch",
    "load_control",
    "load_lora",
    "load_slot",
    "load_transformer",
    "save_slot",
    "with_control",
    "with_loras",
]
