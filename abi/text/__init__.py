"""Text for search: what the terms of a text are, whatever its script."""

from abi.text._analyse import LANGUAGES, analyse

__all__ = ["LANGUAGES", "analyse"]
