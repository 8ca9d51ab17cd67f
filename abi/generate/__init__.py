"""Text from a model: loading, the token loop, stopping, chat."""

from typing import TYPE_CHECKING, Any

from abi.generate._chat import ChatGeneration, chat_template
from abi.generate._draft import Draft, ModelDraft, PromptLookup
from abi.generate._generation import Choices, Generation, Timings, TokenLogprob
from abi.generate._load import load, locate, model_path
from abi.generate._model import Model
from abi.generate._perplexity import Perplexity, perplexity
from abi.generate._prompt_cache import PromptCache

if TYPE_CHECKING:
    from abi.chat import render_chat

__all__ = [
    "ChatGeneration",
    "Choices",
    "Draft",
    "Generation",
    "Model",
    "ModelDraft",
    "Perplexity",
    "PromptCache",
    "PromptLookup",
    "Timings",
    "TokenLogprob",
    "chat_template",
    "load",
    "locate",
    "model_path",
    "perplexity",
    "render_chat",
]


def __getattr__(name: str) -> Any:
    if name != "render_chat":
        raise AttributeError(f"module 'abi.generate' has no attribute {name!r}")
    from abi.chat import render_chat

    return render_chat
