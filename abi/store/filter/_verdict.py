"""What columns say of rows: yes, no, or that only the payload can tell (Kleene's logic)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Verdict"]

Bool = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Verdict:
    """Rows that match, and those of which it is not known.

    Parameters
    ----------
    yes : (n,) bool
    maybe : (n,) bool, optional
        None where all are known; no row is in both.
    """

    yes: Bool
    maybe: Bool | None = None

    @classmethod
    def of(cls, yes: Bool, maybe: Bool | None) -> Verdict:
        """Of masks that may have rows in common; what may be is then not sure."""
        if maybe is None or not maybe.any():
            return cls(yes)
        return cls(yes & ~maybe, maybe)

    @property
    def possible(self) -> Bool:
        """Rows that are not known not to match, `(n,)`."""
        return self.yes if self.maybe is None else self.yes | self.maybe

    def __and__(self, other: Verdict) -> Verdict:
        yes = self.yes & other.yes
        if self.maybe is None and other.maybe is None:
            return Verdict(yes)
        return Verdict(yes, self.possible & other.possible & ~yes)

    def __or__(self, other: Verdict) -> Verdict:
        yes = self.yes | other.yes
        if self.maybe is None and other.maybe is None:
            return Verdict(yes)
        return Verdict(yes, (self.possible | other.possible) & ~yes)

    def __invert__(self) -> Verdict:
        return Verdict(~self.possible, self.maybe)
