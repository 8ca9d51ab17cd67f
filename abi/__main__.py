"""`python -m abi`: the command line."""

import sys

from abi.cli import main

sys.exit(main())
