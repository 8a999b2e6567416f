"""What a backtest is asked to do, as JSON: the body of `POST /v1/backtests`, which is kept as it came."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec

from service import instants
from service.backtests.domain import Period
from service.backtests.errors import BacktestInvalid
from service.errors import Fault, pointer_to
from service.rationalization.catalogue import documents
from service.rules.vocabulary import RequestType

CANDIDATES_MAX = 20
NAME_LENGTH_MAX = 200

Title = Annotated[str, msgspec.Meta(min_length=1, max_length=NAME_LENGTH_MAX)]


Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class Candidate(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A policy that is tried: a version that is stored, or a document.

    What is stored takes the place of the version of the same policy in effect. A document takes the place of
    the policy of its name and kind; where there is none in effect, it stands beside the others.

    Attributes:
        policy_id: with `version`.
        kind: with `name` and `document`.
    """

    policy_id: UUID | None = None
    version: Annotated[int, msgspec.Meta(ge=1, lt=2**31)] | None = None
    kind: str | None = None
    name: Title | None = None
    document: dict[str, Any] | None = None

    def fault(self, place: str) -> Fault | None:
        stored, written = (self.policy_id, self.version), (self.kind, self.name, self.document)
        is_stored = None not in stored and all(each is None for each in written)
        is_written = None not in written and all(each is None for each in stored)
        if is_stored or is_written:
            return None
        return Fault(place, "Give `policy_id` and `version`, or `kind`, `name` and `document`.")


class TriedCalendar(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A calendar that is tried in the place of the current version of the one of its name.

    Attributes:
        definition: of a version that is not saved.
        version: of one that is.
    """

    name: Title
    definition: dict[str, Any] | None = None
    version: Annotated[int, msgspec.Meta(ge=1, lt=2**31)] | None = None

    def fault(self, place: str) -> Fault | None:
        if (self.definition is None) != (self.version is None):
            return None
        return Fault(place, "Give `definition` or `version`, and not both.")


class TriedType(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A type of request that is tried: a version that is stored, or a document.

    Past requests of its name are held to it. A document takes the place of the type of its name, if there is
    one.

    Attributes:
        type_id: with `version`.
        name: with `document`.
        family: of a document; left out, that of the type of its name.
    """

    type_id: UUID | None = None
    version: Annotated[int, msgspec.Meta(ge=1, lt=2**31)] | None = None
    name: documents.Name | None = None
    family: RequestType | None = None
    document: dict[str, Any] | None = None

    def fault(self, place: str) -> Fault | None:
        stored = (self.type_id, self.version)
        is_stored = None not in stored and self.name is None and self.family is None and self.document is None
        is_written = None not in (self.name, self.document) and stored == (None, None)
        if is_stored or is_written:
            return None
        return Fault(place, "Give `type_id` and `version`, or `name` and `document`.")


class History(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, rename={"since": "from"}
):
    """Which requests: the tenant's own, opened from `from` on and before `to`, or an imported log."""

    since: Moment | None = None
    to: Moment | None = None
    log_id: UUID | None = None

    def fault(self, place: str) -> Fault | None:
        if self.log_id is not None and self.since is None and self.to is None:
            return None
        if self.log_id is not None or self.since is None or self.to is None:
            return Fault(place, "Give `from` and `to`, or `log_id`.")
        for name, at in (("from", self.since), ("to", self.to)):
            if not instants.is_usable(at):
                return Fault(pointer_to(place, name), instants.refusal(at))
        if self.since >= self.to:
            return Fault(pointer_to(place, "to"), "It is not after `from`; name a later instant.")
        return None


class BacktestSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """Which policies, calendars and types of request are tried, and on which history.

    Attributes:
        calendars: those that are not tried count by their current versions.
        types: requests of other types are held to the version that took them in.
    """

    name: Title
    policies: Annotated[list[Candidate], msgspec.Meta(max_length=CANDIDATES_MAX)] = []
    history: History
    calendars: (
        Annotated[list[TriedCalendar], msgspec.Meta(max_length=CANDIDATES_MAX)] | Literal["current"]
    ) = "current"
    types: Annotated[list[TriedType], msgspec.Meta(max_length=CANDIDATES_MAX)] = []

    @property
    def tried_calendars(self) -> list[TriedCalendar]:
        return [] if self.calendars == "current" else self.calendars

    def period(self, until: datetime) -> Period:
        """Of the tenant's own requests, as they are known at `until`."""
        return Period(self.history.since or until, self.history.to or until, until)

    def check(self) -> None:
        """Raises BacktestInvalid."""
        found = [each.fault(pointer_to("/policies", at)) for at, each in enumerate(self.policies)]
        found += [each.fault(pointer_to("/calendars", at)) for at, each in enumerate(self.tried_calendars)]
        found += [each.fault(pointer_to("/types", at)) for at, each in enumerate(self.types)]
        if not self.policies and not self.tried_calendars and not self.types:
            found.append(Fault("/policies", "Say what is tried: `policies`, `calendars` or `types`."))
        faults = [fault for fault in [*found, self.history.fault("/history")] if fault is not None]
        if faults:
            raise BacktestInvalid(faults)
