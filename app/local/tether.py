"""Run a command that ends when the process that asked for it is gone, however it went (Linux).

Used as a script: `python -I -S tether.py PARENT SIGNAL COMMAND...`. A program of its own, because code between fork and
exec in a process with threads can deadlock.
"""

import ctypes
import os
import sys

_PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Ask the kernel for the signal at the parent's end, then become the command."""
    parent, number, *command = arguments
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(number))
    if os.getppid() != int(parent):  # it died before we asked
        sys.exit(1)
    os.execvp(command[0], command)  # noqa: S606  becoming the command is this program's purpose


if __name__ == "__main__":
    main(sys.argv[1:])
