"""What types of request ask for before work starts: of past requests, and of types that are only tried."""

from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

import msgspec

from service.db import TenantSession
from service.errors import Fault
from service.ids import RequestTypeId
from service.rationalization.catalogue import service, store
from service.rationalization.catalogue.domain import Offered
from service.rationalization.catalogue.errors import RequestTypeInvalid
from service.rationalization.verdicts import Gate
from service.rules.vocabulary import RequestType


class TypeTrial(msgspec.Struct, frozen=True, kw_only=True):
    """A type, as requests of its name are held to it.

    Attributes:
        standard: whether a change of it is approved beforehand.
        requires: what must be there before work starts, whatever the verdict.
    """

    name: str
    family: RequestType
    standard: bool
    requires: list[Gate]


async def stored(session: TenantSession, type_id: UUID, version: int) -> TypeTrial:
    """A version that is stored, published or not. Raises RequestTypeNotFound."""
    return _trial(await store.of_number(session, RequestTypeId(type_id), version))


async def written(
    session: TenantSession, name: str, family: RequestType | None, document: Mapping[str, Any]
) -> TypeTrial:
    """A document that is not saved, in the place of the type of its name, or of a type to be.

    Args:
        session: of the tenant.
        name: of the type.
        family: left out, that of the type of this name.
        document: what it says.

    Raises:
        RequestTypeInvalid: with every fault and its place, beside `/name`, `/family` and `/document`.
    """
    known = await store.family_of(session, name) or _family_called(name)
    of = family or known
    if of is None:
        missing = f"There is no type {name!r}; say of which family it is: {', '.join(RequestType)}."
        raise RequestTypeInvalid([Fault("/family", missing)])
    other = f"The type {name} is of the family `{known}`; leave this out."
    form = service.read(document, of, faults=[Fault("/family", other)] if known not in {None, of} else [])
    return TypeTrial(name=name, family=of, standard=form.standard, requires=form.requires)


async def offered(session: TenantSession, names: Collection[str]) -> list[TypeTrial]:
    """The types that are offered under these names, by their versions in effect."""
    return [_trial(each) for each in await store.offered_as(session, names)]


async def required(session: TenantSession, version_ids: Collection[UUID]) -> dict[UUID, list[Gate]]:
    """What requests of these versions need, by version, whether it is in effect or not."""
    found = await store.of_versions(session, version_ids)
    return {each.version_id: list(each.requires) for each in found}


def _family_called(name: str) -> RequestType | None:
    """A type that is called as a family is, is of it."""
    return RequestType(name) if name in {each.value for each in RequestType} else None


def _trial(offered: Offered) -> TypeTrial:
    return TypeTrial(
        name=offered.name,
        family=offered.family,
        standard=offered.standard,
        requires=list(offered.requires),
    )
