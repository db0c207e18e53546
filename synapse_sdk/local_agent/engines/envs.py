"""Environment variables of containers."""

from collections.abc import Mapping

from synapse_sdk.local_agent.errors import InvalidError, field_error


def check_envs(envs: Mapping[str, str]) -> None:
    """Check that all of these can be environment variables.

    Raises:
        InvalidError: If one cannot, with the list of field errors.
    """
    wrong = [
        field_error("envs", ["body", "envs", name], message, value)
        for name, value in envs.items()
        for message in _faults(name, value)
    ]
    if wrong:
        raise InvalidError(wrong)


def _faults(name: str, value: str) -> list[str]:
    faults = {
        "an environment variable must have a name": not name,
        "the name of an environment variable cannot hold '='": "=" in name,
        "an environment variable cannot hold a NUL character": "\0" in name + value,
    }
    return [message for message, found in faults.items() if found]
