"""Instants: which of them anything may happen at, and how they are written. Pure."""

from datetime import UTC, datetime

EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(2150, 1, 1, tzinfo=UTC)
"""What is dated outside is a slip. Inside, calendars reach on from any instant for longer than promises last,
and no offset leads out of the years that Python and PostgreSQL have."""


def is_usable(at: datetime) -> bool:
    return EARLIEST <= at <= LATEST


def refusal(at: datetime) -> str:
    """What to tell whoever named an instant that is not usable."""
    return f"{at.isoformat()} does not lie within the years {EARLIEST.year} to {LATEST.year - 1}."


def rfc3339(at: datetime) -> str:
    """An aware instant as RFC 3339 in UTC, with `Z` and no more digits of a second than it has."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
