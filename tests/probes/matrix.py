"""The probes: what a caller sends that names somebody else's, beside the same with a name of nobody's."""

import secrets
import string
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from service import ids
from tests.probes.calls import UUID, Call
from tests.probes.document import Operation, Place
from tests.probes.parties import Party
from tests.probes.places import INSIDE, kind_at

ANY = "any"
"""The kind of a place where every id may be tried."""

UNDECLARED = (Place("query", ("tenant_id",)), Place("query", ("client_id",)))
"""Places that no operation has, filled in all the same."""

SPOOFED = (
    *("X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Prefix", "Forwarded"),
    *("X-Tenant-Id", "X-Client-Id", "X-User-Id", "X-Application-Id", "X-Original-URL", "X-Rewrite-URL"),
    *("X-HTTP-Method-Override", "X-Real-IP", "X-Scopes", "X-Role"),
)
"""Headers that a proxy, or a careless program, might believe."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two requests that differ in one value: the first names what belongs to somebody else."""

    operation: Operation
    place: Place
    foreign: Call
    random: Call
    foreign_value: str
    random_value: str

    def __str__(self) -> str:
        steps = "/".join(map(str, self.place.steps))
        return f"{self.operation.id} {self.place.where} {steps}: {self.foreign_value}"


def pairs(
    prober: Party, victims: Iterable[Party], operations: Iterable[Operation], *, each: int
) -> Iterator[Pair]:
    """Every place of every operation, filled in with what the victims have that may be meant by it.

    `each` is how many values of the kind that is meant, and how many ids of other kinds, at most.
    """
    held = [victim.beside(prober) for victim in victims]
    for operation in operations:
        call = prober.call(operation)
        for place in places(operation):
            kind = ANY if place in UNDECLARED else kind_at(operation, place)
            for value in [one for had in held if kind is not None for one in _meant(had, kind, each=each)]:
                random = like(value)
                named = call.put(place, value), call.put(place, random)
                yield Pair(operation, place, *named, value, random)


def places(operation: Operation) -> list[Place]:
    """Every place of an operation, with those that are not documented but may be tried."""
    inside = [Place("body", steps) for steps in INSIDE.get(operation.id, ())]
    reads = [Place("header", ("If-None-Match",))] if operation.method == "get" else []
    return [*operation.places, *inside, *reads, *UNDECLARED]


def like(value: str) -> str:
    """A value of the same form that nobody has."""
    if UUID.fullmatch(value):
        return str(ids.new_id())
    letters = string.ascii_lowercase
    return "".join(
        secrets.choice(letters)
        if each in letters
        else secrets.choice("123456789")
        if each.isdigit()
        else each
        for each in value
    )


def spoofed(victim: str) -> dict[str, str]:
    """Headers that claim to be somebody else, somewhere else."""
    return {
        name: "/v1/clients" if name.endswith("URL") else "DELETE" if "Method" in name else victim
        for name in SPOOFED
    }


def hidden_from(prober: Party, victims: Iterable[Party]) -> set[str]:
    """What no answer to the prober may show."""
    return {value for victim in victims for values in victim.beside(prober).values() for value in values}


def _meant(held: dict[str, list[str]], kind: str, *, each: int) -> list[str]:
    """What a victim has that may be put into a place of this kind: where ids go, ids of other kinds too."""
    values = held.get(kind, [])[:each]
    identities = {other: found[0] for other, found in held.items() if UUID.fullmatch(found[0])}
    if kind in identities or kind == ANY:
        values += [value for other, value in identities.items() if other != kind][:each]
    return values
