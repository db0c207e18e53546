"""Ends the process groups that an agent left behind when it was killed.

The agent runs this file as a program of its own and tells it, on standard input, which groups it has started (`+123`)
and which have ended (`-123`). The end of the input means that the agent is gone, however it went.
"""

import contextlib
import os
import signal
import sys


def main() -> None:
    """Read until the agent is gone, then kill the groups that are left."""
    groups: set[int] = set()
    for line in sys.stdin:
        (groups.add if line[0] == "+" else groups.discard)(int(line[1:]))
    for group in groups:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    main()
