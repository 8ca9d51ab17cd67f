"""The command line: `abi <verb>`.

Data goes to stdout and progress to stderr; a user's mistake is one line and exit status 2;
Ctrl-C is 130. Verbs are small modules, and what they need is imported when they run.
"""

from abi.cli._main import main

__all__ = ["main"]
