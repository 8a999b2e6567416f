"""How instants are said to a person, in its language and its zone, and how it writes them. Pure."""

from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Literal, TypeAlias

from babel import Locale
from babel.dates import format_date, format_time, get_datetime_format, get_timezone_gmt, get_timezone_name

from service import instants
from service.calendars.domain import zones
from service.rationalization.wording.domain import languages
from service.tenants.domain import Contact

Form: TypeAlias = Literal["short", "medium", "long", "full"]

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
        if contact is None:
            return cls.named(None, None)
        return cls.named(contact.language, contact.time_zone)

    @classmethod
    def named(cls, language: str | None, named: str | None) -> "Manner":
        """That of somebody with this language and this zone, as far as they are known."""
        is_known = named in zones.names()
        return cls(
            locale=_locale(language or LANGUAGE),
            zone=zones.zone(named) if named is not None and is_known else UTC,
            zone_name=named if named is not None and is_known else "UTC",
        )

    @property
    def language(self) -> str:
        return str(self.locale).replace("_", "-")


@dataclass(frozen=True, slots=True)
class Instant:
    """An instant that is told to somebody. As text it is said in full."""

    at: datetime
    manner: Manner

    def __str__(self) -> str:
        return moment(self.at, self.manner)


def moment(at: datetime, manner: Manner) -> str:
    """The instant as one says it there, with the day of the week, to the minute."""
    form = str(get_datetime_format("full", locale=manner.locale))
    return form.replace("'", "").replace("{1}", day(at, manner)).replace("{0}", minute(at, manner))


def day(at: datetime, manner: Manner, form: Form = "full") -> str:
    """The day that the instant is on there."""
    return format_date(at.astimezone(manner.zone), form, locale=manner.locale)


def minute(at: datetime, manner: Manner) -> str:
    """The time of that day, with its zone."""
    local = at.astimezone(manner.zone)
    said = format_time(local, "short", locale=manner.locale)
    return f"{said} {_zone(local, manner)}"


def _zone(local: datetime, manner: Manner) -> str:
    """The zone as it is called there; how far it is from UTC where that language has no short name for it."""
    if manner.zone_name == "UTC":
        return "UTC"
    name = get_timezone_name(local, "short", locale=manner.locale)
    return get_timezone_gmt(local, "long", locale=manner.locale) if name.startswith(("+", "-")) else name


def written(text: str, manner: Manner) -> datetime | None:
    """The instant that was written in the field for date and time, in that zone; None if it is none."""
    try:
        local = datetime.strptime(text.strip()[:16], WRITTEN)  # noqa: DTZ007 - the zone is the person's
    except ValueError:
        return None
    at = local.replace(tzinfo=manner.zone).astimezone(UTC)
    return at if instants.is_usable(at) else None


def _locale(language: str) -> Locale:
    return languages.locale_of(language) or Locale.parse(LANGUAGE, sep="-")
