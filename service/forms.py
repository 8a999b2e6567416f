"""What msgspec finds wrong with a form, as a fault that points at its place."""

import re

import msgspec

from service.errors import Fault, pointer_to

_PLACE = re.compile(r" - at `\$(?P<path>[^`]*)`$")
_STEP = re.compile(r"\.(?P<name>[^.\[]+)|\[(?P<index>\d+|\.\.\.)\]")
_LEFT_OPEN = "..."

MESSAGE_LENGTH_MAX = 300


def fault_of(error: msgspec.ValidationError, *, pointer: str = "") -> Fault:
    """The fault, under `pointer`; msgspec's path `.rules[0].id` becomes `/rules/0/id`.

    It ends before the first step that msgspec leaves open, such as the key of a map.
    """
    message = str(error)
    place = _PLACE.search(message)
    if place is None:
        return Fault(pointer, _shortened(message))
    steps: list[str] = []
    for step in _STEP.finditer(place["path"]):
        if step["index"] == _LEFT_OPEN:
            break
        steps.append(step["name"] or step["index"])
    return Fault(pointer_to(pointer, *steps), _shortened(message[: place.start()]))


def _shortened(message: str) -> str:
    """What msgspec says repeats what it was given, however long that is."""
    return message if len(message) <= MESSAGE_LENGTH_MAX else f"{message[:MESSAGE_LENGTH_MAX]}…"
