"""Numbers between bounds, as regular terms over the characters of JSON.

They are plain decimals; only a number without bounds may have an exponent (`Json.number`).
At most `DIGITS` digits stand before the point and after it, more where a bound has more, and
before it any number where multiples of a large divisor have no bound.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cached_property

from abi.errors import InputError
from abi.grammar import _charset
from abi.grammar._regular import Term, Terms

__all__ = ["DIGITS", "Bound", "Numbers"]

DIGITS = 20
_MAX_MODULUS = 5_000
_EXACT = 15  # digits that a double keeps apart
_SMALL = 5  # greatest divisor beside which digits are counted


@dataclass(frozen=True)
class Bound:
    """An end of a range; `open` leaves the value itself out."""

    value: Decimal
    open: bool = False


class Numbers:
    """Makes the terms."""

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self._endless = False  # as many digits as are written, where counting them costs much
        self._digit = self._one_of("0123456789")
        self._zeros = terms.repeat(terms.text("0"), 0, None)
        self._digits = terms.repeat(self._digit, 0, None)
        self._point = terms.text(".")

    def between(
        self, low: Bound | None, high: Bound | None, integer: bool, multiples: frozenset[Decimal]
    ) -> Term:
        """Numbers, or integers, between two bounds that are multiples of all the given."""
        terms, zero = self._terms, Decimal(0)
        self._endless = any(multiple > _SMALL for multiple in multiples)
        upper = high if high is None or high.value >= 0 else Bound(Decimal(-1))
        lower = low if low is not None and low.value > 0 else Bound(zero)
        if low is not None and low.value == 0:
            lower = low
        positive = self._magnitude(lower, upper, integer)
        top = Bound(low.value.copy_negate(), low.open) if low is not None else None
        least = Bound(zero, True)
        if high is not None and high.value <= 0:
            least = Bound(high.value.copy_negate(), high.open or high.value == 0)
        negative = self._magnitude(least, top, integer)
        for multiple in multiples:
            test = self._multiple(multiple, integer)
            positive, negative = terms.both(positive, test), terms.both(negative, test)
        return terms.either(positive, terms.cat(terms.text("-"), negative))

    # -- inside --------------------------------------------------------------------------

    def _one_of(self, chars: str) -> Term:
        return self._terms.chars(_charset.of_text(chars))

    def _between_digits(self, low: str, high: str) -> Term:
        return self._one_of("".join(map(str, range(int(low), int(high) + 1))))

    def _fraction(self, most: int) -> Term:
        terms = self._terms
        return terms.optional(terms.cat(self._point, terms.repeat(self._digit, 1, most)))

    def _magnitude(self, low: Bound, high: Bound | None, integer: bool) -> Term:
        """From a bound of 0 or more up to another."""
        terms = self._terms
        if high is not None and (high.value < low.value):
            return terms.none
        if integer:
            return self._integers(low, high)
        a, b = _split(low.value)
        most = max(DIGITS, len(b) + 1)
        if high is None:
            found = terms.either(
                terms.cat(self._whole(a + 1, None), self._any_fraction()),
                terms.cat(self._whole(a, a), self._at_least(b, low.open)),
            )
        else:
            c, d = _split(high.value)
            most = max(most, len(d) + 1)
            found = self._decimals(a, self._at_least(b, low.open), c, self._at_most(d, high.open))
        length = terms.cat(terms.repeat(self._digit, 1, None), self._fraction(most))
        opens = [bound for bound in (low, high) if bound is not None and bound.open and bound.value]
        return terms.both(found, length, *([self._precise] if opens else []))

    @cached_property
    def _precise(self) -> Term:
        """Whole numbers, and others of so few digits that no two are one binary number.

        With more a number below a bound would be read as the bound itself.
        """
        terms, digit = self._terms, self._digit
        nonzero = self._between_digits("1", "9")
        options = [terms.repeat(digit, 1, None)]
        options.append(
            terms.cat(terms.text("0"), self._point, self._zeros, terms.repeat(digit, 1, _EXACT))
        )
        for n in range(1, _EXACT):
            whole = terms.cat(nonzero, terms.repeat(digit, n - 1, n - 1))
            options.append(terms.cat(whole, self._point, terms.repeat(digit, 1, _EXACT - n)))
        return terms.either(*options)

    def _decimals(self, a: int, above: Term, c: int, below: Term) -> Term:
        terms = self._terms
        if a == c:
            return terms.cat(self._whole(a, a), terms.both(above, below))
        return terms.either(
            terms.cat(self._whole(a, a), above),
            terms.cat(self._whole(a + 1, c - 1), self._any_fraction()),
            terms.cat(self._whole(c, c), below),
        )

    def _integers(self, low: Bound, high: Bound | None) -> Term:
        a, b = _split(low.value)
        first = a + (1 if b or low.open else 0)
        if high is None:
            return self._whole(first, None)
        c, d = _split(high.value)
        return self._whole(first, c - (1 if high.open and not d else 0))

    def _any_fraction(self) -> Term:
        terms = self._terms
        return terms.optional(terms.cat(self._point, self._digit, self._digits))

    def _whole(self, low: int, high: int | None) -> Term:
        """Integers from `low` to `high`, in digits without leading zeros."""
        if high is None and self._endless:
            head = str(low)
            more = self._terms.repeat(self._digit, len(head), None)
            longer = self._terms.cat(self._between_digits("1", "9"), more)
            return self._terms.either(self._same_length(head, "9" * len(head)), longer)
        if high is None:
            high = 10 ** max(DIGITS, len(str(low)) + 1) - 1
        if high < low:
            return self._terms.none
        terms, a, b = self._terms, str(low), str(high)
        if len(a) == len(b):
            return self._same_length(a, b)
        middle = terms.none
        if len(b) - len(a) > 1:
            rest = terms.repeat(self._digit, len(a), len(b) - 2)
            middle = terms.cat(self._between_digits("1", "9"), rest)
        first = "1" + "0" * (len(b) - 1)
        return terms.either(self._same_length(a, "9" * len(a)), middle, self._same_length(first, b))

    def _same_length(self, a: str, b: str) -> Term:
        terms = self._terms
        same = 0
        while same < len(a) and a[same] == b[same]:
            same += 1
        if same == len(a):
            return terms.text(a)
        rest = len(a) - same - 1
        options = [
            terms.cat(terms.text(a[same]), self._from(a[same + 1 :], up=True)),
            terms.cat(terms.text(b[same]), self._from(b[same + 1 :], up=False)),
        ]
        if int(a[same]) + 1 < int(b[same]):
            inner = self._between_digits(str(int(a[same]) + 1), str(int(b[same]) - 1))
            options.append(terms.cat(inner, terms.repeat(self._digit, rest, rest)))
        return terms.cat(terms.text(a[:same]), terms.either(*options))

    def _from(self, digits: str, up: bool) -> Term:
        """As many digits, at least (or at most) the given."""
        terms, found = self._terms, self._terms.empty
        for i, digit in enumerate(reversed(digits)):
            options = [terms.cat(terms.text(digit), found)]
            if digit != ("9" if up else "0"):
                beyond = (str(int(digit) + 1), "9") if up else ("0", str(int(digit) - 1))
                inner = self._between_digits(*beyond)
                options.append(terms.cat(inner, terms.repeat(self._digit, i, i)))
            found = terms.either(*options)
        return found

    def _at_least(self, digits: str, open_: bool) -> Term:
        """Fractions from `.digits` on."""
        terms = self._terms
        nonzero = terms.cat(self._zeros, self._between_digits("1", "9"), self._digits)
        found = nonzero if open_ else self._digits
        for digit in reversed(digits):
            options = [terms.cat(terms.text(digit), found)]
            if digit != "9":
                inner = self._between_digits(str(int(digit) + 1), "9")
                options.append(terms.cat(inner, self._digits))
            found = terms.either(*options)
        pointed = terms.cat(self._point, terms.both(found, terms.cat(self._digit, self._digits)))
        return pointed if digits or open_ else terms.optional(pointed)

    def _at_most(self, digits: str, open_: bool) -> Term:
        """Fractions up to `.digits`."""
        terms = self._terms
        found = terms.none if open_ else self._zeros
        for digit in reversed(digits):
            options = [terms.cat(terms.text(digit), found), terms.empty]
            if digit != "0":
                inner = self._between_digits("0", str(int(digit) - 1))
                options.append(terms.cat(inner, self._digits))
            found = terms.either(*options)
        pointed = terms.cat(self._point, terms.both(found, terms.cat(self._digit, self._digits)))
        return pointed if open_ and not digits else terms.optional(pointed)

    def _multiple(self, multiple: Decimal, integer: bool) -> Term:
        part = Fraction(multiple)
        places = 0
        if not integer:
            while (part * 10**places).denominator > 1:
                places += 1
            part = part * 10**places
        modulus = part.numerator
        if modulus > _MAX_MODULUS:
            raise InputError(
                f"multiples of {multiple} need more than {_MAX_MODULUS} states; "
                "use a smaller divisor"
            )
        return self._terms.multiple(modulus, 0, places, False)


def _split(value: Decimal) -> tuple[int, str]:
    """The whole part, and the digits after the point without trailing zeros."""
    whole, _, digits = format(value, "f").partition(".")
    return int(whole), digits.rstrip("0")
