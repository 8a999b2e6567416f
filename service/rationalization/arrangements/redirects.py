"""Where a demand belongs instead, with what was typed, so that it need not be typed again. Pure."""

from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import quote, urlencode

from service.rationalization.matters import Matter
from service.rationalization.verdicts import Channel

LINK_MAX = 2_000
"""Longer addresses are cut off on their way."""


def carried(matter: Matter, channel: Channel) -> dict[str, Any]:
    """What was typed, and the address of the channel with it."""
    typed = {
        "title": matter.title,
        "type": matter.type.value,
        "source": matter.source,
        "external_id": matter.external_id,
        "facts": matter.facts,
    }
    return {**typed, "link": _link(channel, typed)}


def _link(channel: Channel, typed: Mapping[str, Any]) -> str:
    """The address of the channel with what was typed, as far as that fits, where it says how."""
    link = channel.url
    for parameter, name in channel.fields.items():
        value = _fact(typed, name)
        if value is None:
            continue
        joint = "&" if "?" in link else "?"
        longer = f"{link}{joint}{urlencode({parameter: value}, quote_via=quote)}"
        link = longer if len(longer) <= LINK_MAX else link
    return link


def _fact(typed: Mapping[str, Any], name: str) -> str | None:
    """What was typed under the name of a fact, as `request.custom.site`, if it is a single value."""
    found: Any = {**typed["facts"], **{key: typed[key] for key in ("title", "type", "source", "external_id")}}
    for step in name.removeprefix("request.").split("."):
        found = cast("Mapping[str, Any]", found).get(step) if isinstance(found, dict) else None
    if isinstance(found, bool):
        return str(found).lower()
    return str(found) if isinstance(found, str | int | float) else None
