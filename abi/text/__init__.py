"""Text for search: what the terms of a text are, whatever its script."""

from abi.text._analyse import LANGUAGES, VERSION, analyse

__all__ = ["LANGUAGES", "VERSION", "analyse"]
