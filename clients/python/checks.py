"""The scenario's checks, made one after the other, and told."""

import traceback
from collections.abc import Callable


class Checks:
    """Makes checks, prints a line for each, and counts them."""

    def __init__(self) -> None:
        self._passed = 0
        self._failed = 0

    def __call__(self, name: str) -> Callable[[Callable[[], None]], None]:
        """Make a check, which is a function that raises if it fails."""

        def make(check: Callable[[], None]) -> None:
            try:
                check()
            except Exception as error:  # noqa: BLE001 - whatever it is, the check has failed
                traceback.print_exc()
                print(f"FAILED {name}: {error!r}")
                self._failed += 1
            else:
                print(f"ok {name}")
                self._passed += 1

        return make

    def close(self) -> int:
        """Print how many passed, and return the exit code."""
        print(f"conformance: {self._passed} passed, {self._failed} failed")
        return 1 if self._failed else 0
