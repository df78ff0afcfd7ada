"""``vidpose`` and ``python -m vidpose`` are the command line."""

import signal
import sys

from vidpose.exit_codes import INTERRUPTED


def main() -> int:
    """Import the command line and run it; Ctrl-C ends the import as it ends a command."""
    # SIGTERM as well: what was begun is taken away, not left half-written.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        from vidpose.cli import main as command_line
    except KeyboardInterrupt:
        return INTERRUPTED
    return command_line()


if __name__ == "__main__":
    sys.exit(main())
