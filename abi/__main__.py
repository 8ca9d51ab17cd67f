"""`python -m abi`: the command line."""

import sys

try:
    from abi.cli import main

    status = main()
except KeyboardInterrupt:  # between its import and its first line
    status = 130
sys.exit(status)
