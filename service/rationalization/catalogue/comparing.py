"""What differs between two versions of a type. Pure."""

from collections.abc import Mapping
from itertools import zip_longest
from typing import Any, cast

import msgspec

from service.errors import pointer_to
from service.rules.canonical import Change

_NOTHING = object()


class Difference(msgspec.Struct, frozen=True):
    """One thing that differs.

    Attributes:
        part: the place in the document, as a JSON Pointer: `/fields/properties/site`, `/steps/0/items/2`.
    """

    change: Change
    part: str
    before: Any = None
    after: Any = None


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    """The smallest parts that differ, by their places."""
    return sorted(_parts("", dict(before), dict(after)), key=lambda found: found.part)


def _parts(pointer: str, before: Any, after: Any) -> list[Difference]:
    if isinstance(before, dict) and isinstance(after, dict):
        old, new = cast("dict[str, Any]", before), cast("dict[str, Any]", after)
        pairs = [(name, old.get(name, _NOTHING), new.get(name, _NOTHING)) for name in {**old, **new}]
    elif isinstance(before, list) and isinstance(after, list):
        both = zip_longest(cast("list[Any]", before), cast("list[Any]", after), fillvalue=_NOTHING)
        pairs = [(str(place), *pair) for place, pair in enumerate(both)]
    else:
        return _difference(pointer, cast("object", before), cast("object", after))
    return [found for step, one, other in pairs for found in _parts(pointer_to(pointer, step), one, other)]


def _difference(pointer: str, before: object, after: object) -> list[Difference]:
    if type(before) is type(after) and before == after:
        return []
    if before is _NOTHING:
        return [Difference(Change.ADDED, pointer, after=after)]
    if after is _NOTHING:
        return [Difference(Change.REMOVED, pointer, before=before)]
    return [Difference(Change.CHANGED, pointer, before, after)]
