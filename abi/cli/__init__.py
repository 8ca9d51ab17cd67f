"""The command line: `abi <verb>`.

Data goes to stdout and progress to stderr; a user's mistake is one line and exit status 2;
Ctrl-C is 130. Verbs are small modules, and what they need is imported when they run.
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments without the program's name; None takes those of the process.

    Returns
    -------
    int
        Exit status: 0, 2 for a user's mistake, 130 after Ctrl-C.
    """
    try:
        from abi.cli._main import run
    except KeyboardInterrupt:  # it takes a tenth of a second
        return 130
    return run(argv)
