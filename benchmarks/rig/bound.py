"""Becomes another program that gets SIGTERM when its parent ends, however that happens.

`python -m benchmarks.rig.bound PROGRAM ARGUMENT…`
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Tell the kernel, then become the program."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    os.execvp(sys.argv[1], sys.argv[1:])


if __name__ == "__main__":
    main()
