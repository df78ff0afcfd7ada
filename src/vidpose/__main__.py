"""``vidpose`` and ``python -m vidpose`` are the command line."""

import sys

from vidpose.exit_codes import INTERRUPTED


def main() -> int:
    """Import the command line and run it; Ctrl-C ends the import as it ends a command."""
    try:
        from vidpose.cli import main as command_line
    except KeyboardInterrupt:
        return INTERRUPTED
    return command_line()


if __name__ == "__main__":
    sys.exit(main())
