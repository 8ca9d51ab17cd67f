"""Constraints over a model's own vocabulary: JSON Schema and GBNF."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from abi.errors import InputError
from abi.generate._base import ModelBase

if TYPE_CHECKING:
    from abi.grammar import Grammar, Matcher, Vocabulary

__all__ = ["ConstrainModel"]

_KEPT = 8  # compiled grammars, with the masks that they have made


class ConstrainModel(ModelBase):
    """What may be written, as a `constraint` for `generate`."""

    def constrain(
        self,
        *,
        json_schema: Mapping[str, Any] | bool | None = None,
        grammar: str | None = None,
    ) -> Matcher:
        """A constraint for one generation.

        The text must fit from its first token on, and ends where the grammar does.

        Parameters
        ----------
        json_schema : mapping or bool
            Draft 7 or 2020-12; `{}` or true for any JSON.
        grammar : str
            GBNF, as llama.cpp has it. One of the two.

        Returns
        -------
        Matcher
            With a state of its own; the compiled grammar is kept for the next call.

        Raises
        ------
        InputError
            If it is malformed, or asks for something that is not supported; the message says
            where.

        Examples
        --------
        >>> import abi
        >>> model = abi.load()
        >>> model.generate("Is it?", constraint=model.constrain(grammar='root ::= " yes"')).read()
        ' yes'
        """
        from abi.grammar import Matcher

        if (json_schema is None) == (grammar is None):
            raise InputError("give either json_schema= or grammar=")
        return Matcher(self._compiled(json_schema, grammar), self._grammar_vocabulary)

    def _compiled(self, json_schema: Mapping[str, Any] | bool | None, text: str | None) -> Grammar:
        from abi.grammar import compile_gbnf, compile_schema

        try:
            key = text if json_schema is None else json.dumps(json_schema)
        except (TypeError, ValueError, RecursionError) as error:
            raise InputError(f"json_schema: this is no JSON ({error})") from None
        kept = self._grammars
        name = (text is None, key or "")
        if name not in kept:
            if len(kept) == _KEPT:
                kept.pop(next(iter(kept)))  # the one that was used longest ago
            ids = self.tokenizer.vocab.ids
            kept[name] = (
                compile_gbnf(text, token_id=ids.get)
                if text is not None
                else compile_schema(json_schema)
            )
        kept[name] = found = kept.pop(name)
        return found

    @cached_property
    def _grammars(self) -> dict[tuple[bool, str], Grammar]:
        return {}

    @cached_property
    def _grammar_vocabulary(self) -> Vocabulary:
        from abi.grammar import Vocabulary

        tokenizer = self.tokenizer
        pieces = [tokenizer.piece(i, special=False) for i in range(len(tokenizer))]
        return Vocabulary(pieces, tokenizer.vocab.eog)
