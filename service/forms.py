"""What msgspec finds wrong with a form, as a fault that points at its place."""

import re

import msgspec

from service.errors import Fault

_PLACE = re.compile(r" - at `\$(?P<path>[^`]*)`$")
_STEP = re.compile(r"\.(?P<name>[^.\[]+)|\[(?P<index>\d+|\.\.\.)\]")


def fault_of(error: msgspec.ValidationError, *, pointer: str = "") -> Fault:
    """The fault, under `pointer`; msgspec's path `.rules[0].id` becomes `/rules/0/id`."""
    message = str(error)
    place = _PLACE.search(message)
    if place is None:
        return Fault(pointer, message)
    steps = (step["name"] or step["index"] for step in _STEP.finditer(place["path"]))
    return Fault("".join([pointer, *(f"/{step}" for step in steps)]), message[: place.start()])
