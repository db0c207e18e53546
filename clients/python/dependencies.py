"""Prints distributions and what they need while they run: dependencies.py DISTRIBUTION..."""

import sys
from importlib.metadata import requires

from packaging.requirements import Requirement


def needed(distribution: str) -> set[str]:
    """Return what a distribution needs, and what that needs."""
    found: set[str] = set()
    for text in requires(distribution) or ():
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            found |= {requirement.name, *needed(requirement.name)}
    return found


if __name__ == "__main__":
    # The SDK is counted by what it needs, a client that is no distribution by what its project names.
    given = set(sys.argv[1:])
    print("\n".join(sorted({name for one in given for name in needed(one)} | given - {"synapse-sdk"})))
