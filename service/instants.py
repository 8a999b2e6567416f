"""Instants as text. Pure."""

from datetime import UTC, datetime


def rfc3339(at: datetime) -> str:
    """An aware instant as RFC 3339 in UTC, with `Z` and no more digits of a second than it has."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
