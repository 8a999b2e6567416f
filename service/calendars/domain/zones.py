"""Time zones from the locked `tzdata` package, never from the machine: the same answer everywhere."""

from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from io import BytesIO
from zoneinfo import ZoneInfo

import tzdata

TZDATA_VERSION = tzdata.IANA_VERSION
"""Release of the IANA database in use, such as `2026a`."""

NAME_CHARACTERS_MAX = 64


@cache
def names() -> frozenset[str]:
    """Every zone name that may be used."""
    return frozenset(files(tzdata).joinpath("zones").read_text(encoding="ascii").split())


def rules(name: str) -> bytes:
    """The zone's rules as a TZif file (RFC 9636), so that a calendar version can keep those it was made with.

    Raises:
        KeyError: no zone has this name; names are never used as paths before they are known.
    """
    if name not in names():
        raise KeyError(name)
    return files(tzdata).joinpath("zoneinfo", *name.split("/")).read_bytes()


@cache
def zone(name: str) -> ZoneInfo:
    """The zone of that name. Raises KeyError when there is none."""
    return from_rules(name, rules(name))


def from_rules(name: str, tzif: bytes) -> ZoneInfo:
    """A zone from rules that were kept."""
    return ZoneInfo.from_file(BytesIO(tzif), key=name)


def nearest(name: str) -> str | None:
    """The known name that was most probably meant, if one comes near."""
    wanted = name[:NAME_CHARACTERS_MAX].strip().replace(" ", "_").casefold()
    full = {known.casefold(): known for known in sorted(names())}
    cities = {known.casefold().rpartition("/")[2]: known for known in sorted(names(), reverse=True)}
    for table in (full, cities):
        if match := get_close_matches(wanted, table, n=1, cutoff=0.75):
            return table[match[0]]
    return None
