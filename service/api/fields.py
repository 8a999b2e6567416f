"""Types of fields that the bodies of several operations have."""

from datetime import datetime
from typing import Annotated

import msgspec

from service.names import NAME_CHARACTERS_MAX

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=NAME_CHARACTERS_MAX)]
Text = Annotated[str, msgspec.Meta(max_length=NAME_CHARACTERS_MAX)]
Moment = Annotated[datetime, msgspec.Meta(tz=True)]
"""An instant: RFC 3339 with an offset."""
