"""What the types of the tenant's catalogue ask of past requests, on either side of a comparison. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias
from uuid import UUID

from service.backtests.tellings import Point
from service.rationalization.catalogue.trying import TypeTrial
from service.rationalization.verdicts import Gate

Required: TypeAlias = Mapping[UUID, Sequence[Gate]]
"""What each version of a type requires that took a request in."""


@dataclass(frozen=True, slots=True)
class Types:
    """The types of one side.

    Attributes:
        instead: by name, those that requests are held to instead of the versions that took them in.
    """

    instead: Mapping[str, TypeTrial] = field(default_factory=dict[str, TypeTrial])

    @classmethod
    def of(cls, trials: Sequence[TypeTrial]) -> "Types":
        return cls({trial.name: trial for trial in trials})

    def asked(self, point: Point, own: Required) -> tuple[Point, Sequence[Gate]]:
        """The decision as this side makes it, and what is required whatever the verdict.

        Rules read of a request whether its type is approved beforehand.
        """
        said = point.facts["request"]
        held_to = self.instead.get(said["type_name"]) if self.instead else None
        if held_to is None:
            return point, () if point.of_type is None else own.get(point.of_type.version_id, ())
        facts = {**point.facts, "request": {**said, "standard": held_to.standard}}
        return replace(point, facts=facts), held_to.requires


AS_TAKEN_IN = Types()
