"""Types of fields that the bodies of several operations have, and of parameters."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar.params import QueryParameter

from service import instants
from service.api.errors import ParameterMalformed
from service.names import NAME_CHARACTERS_MAX

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=NAME_CHARACTERS_MAX)]
Text = Annotated[str, msgspec.Meta(max_length=NAME_CHARACTERS_MAX)]
Moment = Annotated[datetime, msgspec.Meta(tz=True)]
"""An instant: RFC 3339 with an offset."""


def instant_parameter(description: str, *, name: str | None = None) -> Any:
    """A query parameter that `instant` reads: Litestar itself would take a number of seconds for one too."""
    described = f"{description}; RFC 3339 with an offset."
    return QueryParameter(name=name, description=described, schema_extra={"format": "date-time"})


def instant(name: str, text: str | None) -> datetime | None:
    """The instant that a query parameter names, if any. Raises ParameterMalformed."""
    return None if text is None else named_instant(name, text)


def named_instant(name: str, text: str) -> datetime:
    """The instant that a query parameter names. Raises ParameterMalformed."""
    try:
        at = msgspec.convert(text, Moment)
    except msgspec.ValidationError as error:
        raise ParameterMalformed(
            f"{name} is not an instant with an offset; write it as 2026-01-05T13:00:00Z or with +08:00."
        ) from error
    if not instants.is_usable(at):
        raise ParameterMalformed(f"{name}: {instants.refusal(at)}")
    return at
