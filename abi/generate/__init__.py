"""Text from a model: loading, sampling, stopping, chat templates."""

from abi.generate._chat import render_chat
from abi.generate._generation import Generation, Timings
from abi.generate._load import load, model_path
from abi.generate._model import Model
from abi.generate._sampling import Sampler, make_sampler

__all__ = [
    "Generation",
    "Model",
    "Sampler",
    "Timings",
    "load",
    "make_sampler",
    "model_path",
    "render_chat",
]
