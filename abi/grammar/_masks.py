"""Masks of a grammar over a vocabulary: a walk of the trie, once for each kind of state.

The machine is turned into a table of bytes as far as walks need it, so a walk is a few array
operations a level. A mask depends on no more than a state's next bytes, as many as the
longest token has; states that agree there (`Machine.lean`) share one. Masks of tokens that
need no look down the stack are cached in the same way by XGrammar (arXiv 2411.15100).
"""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
import numpy.typing as npt

from abi.errors import InputError
from abi.grammar._machine import Machine, State
from abi.grammar._nodes import Kind
from abi.grammar._vocabulary import Vocabulary

__all__ = ["Masks"]

I32 = npt.NDArray[np.int32]
Bits = npt.NDArray[np.uint8]

_UNKNOWN, _DEAD, _UNSURE, _FIRST = -1, 0, 1, 2
_MAX_ROWS = 1 << 17  # of 1 KiB
_KEPT_ROWS = 1 << 14  # the table is emptied before a walk when it holds more
_KEPT_BYTES = 32 << 20  # of masks


class Masks:
    """Which tokens each state allows."""

    def __init__(self, machine: Machine, vocabulary: Vocabulary) -> None:
        self._machine, self._vocabulary = machine, vocabulary
        self._ends = np.zeros(len(vocabulary), np.bool_)
        self._ends[list(vocabulary.end_tokens)] = True
        self._cache: OrderedDict[State, tuple[Bits, list[int]]] = OrderedDict()
        self._room = max(16, _KEPT_BYTES // (len(vocabulary) // 8 + 1))
        self._clear()

    def allowed(self, state: State, text: bytearray) -> npt.NDArray[np.bool_]:
        """The mask of a state; `text` is what was matched so far."""
        lean = self._machine.lean(state, self._vocabulary.longest)
        found = self._cache.get(lean)
        if found is None:
            mask, unsure = self._walk(lean)
            found = np.packbits(mask), unsure
            self._cache[lean] = found
            if len(self._cache) > self._room:
                self._cache.popitem(last=False)
        else:
            self._cache.move_to_end(lean)
        out = np.unpackbits(found[0], count=len(self._vocabulary)).view(np.bool_)
        for token in found[1]:
            out[token] = self.after(state, token, text) is not None
        return out

    def after(self, state: State, token: int, text: bytearray) -> State | None:
        """The state after a token that does not end the text, or None."""
        machine, raw = self._machine, self._vocabulary.tokens[token]
        by_rule = machine.advance_token(state, token, bool(raw))
        by_bytes = self._through(state, raw, text) if raw else machine.dead
        result = machine.merge(by_rule, by_bytes)
        return result if result.cells or result.ends else None

    # -- inside --------------------------------------------------------------------------

    def _through(self, state: State, raw: bytes, text: bytearray) -> State:
        """Byte by byte; `text` grows meanwhile and is as before afterwards."""
        size = len(text)
        try:
            for byte in raw:
                text.append(byte)
                state = self._machine.advance(state, byte, text)
                if not state.cells and not state.ends:
                    break
        finally:
            del text[size:]
        return state

    def _walk(self, state: State) -> tuple[npt.NDArray[np.bool_], list[int]]:
        """The mask, and the tokens that only the whole text can decide."""
        if self._n_rows > _KEPT_ROWS:
            self._clear()
        self._machine.forget()
        vocabulary = self._vocabulary
        reached = np.zeros(len(vocabulary.first), np.int32)
        nodes, rows = np.zeros(1, np.int32), np.array([self._row(state)], np.int32)
        while len(nodes):
            children, counts = vocabulary.children(nodes)
            follow = self._steps(np.repeat(rows, counts), vocabulary.byte[children])
            alive = follow != _DEAD
            nodes, rows = children[alive], follow[alive]
            reached[nodes] = rows
        nodes = np.flatnonzero(reached == _UNSURE).astype(np.int32)
        while len(nodes):
            reached[nodes] = _UNSURE
            nodes, _ = vocabulary.children(nodes)
        at = reached[vocabulary.node_of]
        mask = (at != _DEAD) & (at != _UNSURE) & vocabulary.has_text
        unsure = np.flatnonzero((at == _UNSURE) & vocabulary.has_text).tolist()
        self._token_rules(state, mask)
        if state.ends:
            mask |= self._ends
        return mask, unsure

    def _token_rules(self, state: State, mask: npt.NDArray[np.bool_]) -> None:
        for node, _ in state.cells:
            if node.kind is not Kind.TOKEN:
                continue
            token, negated = node.value
            if negated:
                others = self._vocabulary.has_text & ~self._ends
                if token < len(mask):
                    others = others & (np.arange(len(mask)) != token)
                mask |= others
            elif token < len(mask) and not self._ends[token]:
                mask[token] = True

    # -- the table -----------------------------------------------------------------------

    def _clear(self) -> None:
        self._table: I32 = np.full((64, 256), _UNKNOWN, np.int32)
        self._table[_DEAD] = _DEAD
        self._table[_UNSURE] = _DEAD  # a walk stops there
        self._n_rows = _FIRST
        self._rows: dict[State, int] = {}
        self._states: list[State] = [self._machine.dead, self._machine.dead]

    def _row(self, state: State) -> int:
        if not state.cells and not state.ends:
            return _DEAD
        found = self._rows.get(state)
        if found is not None:
            return found
        if self._n_rows >= _MAX_ROWS:
            raise InputError(
                f"the grammar has more than {_MAX_ROWS} states within one token; "
                "simplify its patterns or shorten its repetitions"
            )
        if self._n_rows == len(self._table):
            more = np.full_like(self._table, _UNKNOWN)
            self._table = np.concatenate([self._table, more])
        row = self._rows[state] = self._n_rows
        self._states.append(state)
        self._n_rows += 1
        if any(node.kind is Kind.UNSURE for node, _ in state.cells):
            self._table[row] = _UNSURE
        return row

    def _steps(self, rows: I32, bytes_: Bits) -> I32:
        """Rows after one byte each, working out those that are not in the table yet."""
        keys = rows * np.int32(256) + bytes_
        follow: I32 = self._table.ravel()[keys]
        missing = np.unique(keys[follow == _UNKNOWN])
        if not len(missing):
            return follow
        for key in missing.tolist():
            row, byte = divmod(key, 256)
            if self._table[row, byte] == _UNKNOWN:
                self._fill(row, byte)
        filled: I32 = self._table.ravel()[keys]
        return filled

    def _fill(self, row: int, byte: int) -> None:
        machine, state = self._machine, self._states[row]
        after = self._row(machine.advance(state, byte, None))
        same = machine.alike(state, byte).to_bytes(32, "little")
        columns = np.unpackbits(np.frombuffer(same, np.uint8), bitorder="little").view(np.bool_)
        self._table[row, columns] = after
