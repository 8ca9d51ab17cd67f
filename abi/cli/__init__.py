"""The command line: `abi <verb>`.

Data goes to stdout and progress to stderr; a user's mistake is one line and exit status 2;
Ctrl-C is 130. Verbs are small modules, and what they need is imported when they run.
"""

from __future__ import annotations

import _thread
import signal
import sys
from collections.abc import Sequence
from time import sleep
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

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
    before, sys.unraisablehook = sys.unraisablehook, _not_lost
    try:
        from abi.cli._main import run

        return run(argv)
    except KeyboardInterrupt:  # the import takes a tenth of a second
        return 130
    finally:
        sys.unraisablehook = before


def _not_lost(ignored: UnraisableHookArgs) -> None:
    """Ctrl-C that came where Python ignores errors, as importing has places, comes again."""
    if issubclass(ignored.exc_type, KeyboardInterrupt):
        _thread.start_new_thread(_interrupt_soon, (_thread.get_ident(),))
    else:
        sys.__unraisablehook__(ignored)


def _interrupt_soon(thread: int) -> None:
    sleep(1e-3)  # by then it is not in that place any more
    if hasattr(signal, "pthread_kill"):  # ends a wait of that thread, too
        signal.pthread_kill(thread, signal.SIGINT)
    else:
        _thread.interrupt_main()
