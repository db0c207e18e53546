"""The door to the local agent's command line, which says in one line what is not installed."""

import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the agent until it is interrupted, and return the exit code; see `command_line.main`.

    Args:
        arguments: The command line's arguments; None takes the program's own.
    """
    try:
        import synapse_sdk.local_agent

        synapse_sdk.local_agent.LocalAgent  # noqa: B018 - asked for, it is imported with all that it needs
    except ImportError as error:
        sys.exit(str(error))
    from synapse_sdk.local_agent import command_line

    return command_line.main(arguments)


if __name__ == "__main__":
    sys.exit(main())
