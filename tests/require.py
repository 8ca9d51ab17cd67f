"""Skips that cannot look like passes.

A test that needs something from outside asks `require`. Where it is absent the test is
skipped with the reason; where `ABI_REQUIRE` lists it (as continuous integration does), the
test fails instead.
"""

from __future__ import annotations

import os

import pytest

__all__ = ["require"]


def require(what: str, present: bool, reason: str) -> None:
    """Skip, or fail if `ABI_REQUIRE` (names with commas, or "all") lists `what`."""
    if present:
        return
    wanted = os.environ.get("ABI_REQUIRE", "").split(",")
    if what in wanted or "all" in wanted:
        pytest.fail(f"ABI_REQUIRE asks for {what}: {reason}")
    pytest.skip(reason)
