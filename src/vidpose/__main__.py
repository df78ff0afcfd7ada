"""``python -m vidpose`` is the command line."""

import sys

from vidpose.cli import main

if __name__ == "__main__":
    sys.exit(main())
