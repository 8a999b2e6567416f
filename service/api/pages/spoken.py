"""How instants are said to a person, in its language and its zone, and how it writes them. Pure."""

from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_time, get_timezone_name

from service import instants
from service.calendars.domain import zones
from service.tenants.domain import Contact

LANGUAGE = "en-GB"
WRITTEN = "%Y-%m-%dT%H:%M"
"""What the field for date and time of a browser sends."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How somebody is spoken to: a language that is known, and a zone."""

    locale: Locale
    zone: tzinfo
    zone_name: str

    @classmethod
    def of(cls, contact: Contact | None) -> "Manner":
        """That of a contact; English and UTC where nothing is known of it."""
        language = None if contact is None else contact.language
        named = None if contact is None else contact.time_zone
        is_known = named in zones.names()
        return cls(
            locale=_locale(language or LANGUAGE),
            zone=zones.zone(named) if named is not None and is_known else UTC,
            zone_name=named if named is not None and is_known else "UTC",
        )

    @property
    def language(self) -> str:
        return str(self.locale).replace("_", "-")


def moment(at: datetime, manner: Manner) -> str:
    """The instant as one says it there, with the day of the week, to the minute."""
    local = at.astimezone(manner.zone)
    day = format_date(local, "full", locale=manner.locale)
    minute = format_time(local, "short", locale=manner.locale)
    return f"{day}, {minute} {get_timezone_name(local, 'short', locale=manner.locale)}"


def written(text: str, manner: Manner) -> datetime | None:
    """The instant that was written in the field for date and time, in that zone; None if it is none."""
    try:
        local = datetime.strptime(text.strip()[:16], WRITTEN)  # noqa: DTZ007 - the zone is the person's
    except ValueError:
        return None
    at = local.replace(tzinfo=manner.zone).astimezone(UTC)
    return at if instants.is_usable(at) else None


def _locale(language: str) -> Locale:
    try:
        return Locale.parse(language, sep="-")
    except (ValueError, UnknownLocaleError):
        return Locale.parse(LANGUAGE, sep="-")
