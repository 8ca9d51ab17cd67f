"""A compiled grammar, ready to be matched."""

from __future__ import annotations

from abi.grammar._machine import Machine, State
from abi.grammar._masks import Masks
from abi.grammar._nodes import Builder, Node
from abi.grammar._vocabulary import Vocabulary

__all__ = ["Grammar"]


class Grammar:
    """What may be written; made by `compile_gbnf` or `compile_schema`.

    It keeps what it learns about its states, so keep it as long as it is in use and share it
    between matchers. Matchers of one grammar must not be used by two threads at the same time.

    Examples
    --------
    >>> from abi.grammar import compile_gbnf
    >>> grammar = compile_gbnf('root ::= "a"+')
    >>> grammar.matches("aaa"), grammar.matches("ab"), grammar.begins("")
    (True, False, True)
    """

    def __init__(self, make: Builder, root: Node) -> None:
        self._machine = Machine(make, root)
        self._masks: dict[Vocabulary, Masks] = {}

    def matches(self, text: str | bytes) -> bool:
        """Whether a whole text fits."""
        return self._after(text).ends

    def begins(self, text: str | bytes) -> bool:
        """Whether a text is the beginning of one that fits."""
        state = self._after(text)
        return state.ends or bool(state.cells)

    def _after(self, text: str | bytes) -> State:
        raw = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else bytes(text)
        machine, state, read = self._machine, self._machine.start, bytearray()
        for byte in raw:
            read.append(byte)
            state = machine.advance(state, byte, read)
            if state is machine.dead:
                break
        return state

    def _masks_for(self, vocabulary: Vocabulary) -> Masks:
        found = self._masks.get(vocabulary)
        if found is None:
            found = self._masks[vocabulary] = Masks(self._machine, vocabulary)
        return found
