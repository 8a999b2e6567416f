"""Working time: what a calendar says, and arithmetic over it. Pure: no clock, no database, no HTTP."""

from service.calendars.domain.definition import CalendarDefinition, DaySpan, LocalSpan
from service.calendars.domain.failures import BeyondHorizon, CalendarInvalid, NeverDue, UnknownCountry
from service.calendars.domain.parse import from_expanded, parse_definition
from service.calendars.domain.working_time import WorkingTime, compile_calendar

__all__ = [
    "BeyondHorizon",
    "CalendarDefinition",
    "CalendarInvalid",
    "DaySpan",
    "LocalSpan",
    "NeverDue",
    "UnknownCountry",
    "WorkingTime",
    "compile_calendar",
    "from_expanded",
    "parse_definition",
]
