"""The command `tibandu`, from its first moment: who interrupts it while it is still being read gets no traceback."""

import sys

INTERRUPTED = 130
"""as in cli.py, which is not read yet"""


def main() -> int:
    """Run the command line; its exit code."""
    try:
        from . import cli

        return cli.main()
    except KeyboardInterrupt:
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
