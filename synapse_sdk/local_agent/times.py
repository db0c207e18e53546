"""Points in time as the agent writes them."""

from datetime import UTC, datetime


def utc_now() -> str:
    """Return the time now, in ISO 8601 and UTC, to the microsecond: all of one length, so that they sort."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
