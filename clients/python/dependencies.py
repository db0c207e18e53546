"""Prints the distributions that a distribution needs while it runs, those that they need included."""

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
    print("\n".join(sorted(needed(sys.argv[1]))))
