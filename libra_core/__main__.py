"""`python -m libra_core` is the command `libra`."""

import sys

from libra_core.cli import main

if __name__ == "__main__":
    sys.exit(main())
