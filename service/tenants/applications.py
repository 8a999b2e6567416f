"""Use cases of applications: OAuth clients of a tenant, or of one of its client organizations.

Nobody gets hold of an application that may do more than they may: who creates or changes one, or is given a
new secret of it, holds all of its scopes.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from service import ids
from service.audit import service as audit
from service.audit.domain import Actor, Deed
from service.db import TenantSession
from service.errors import Fault
from service.ids import ApplicationId
from service.limits import service as limits
from service.limits.domain.table import APPLICATIONS
from service.tenants import domain, keysets, registration, store
from service.tenants.domain import Application, AuthMethod
from service.tenants.errors import (
    ApplicationFixed,
    ApplicationHasNoSecret,
    ApplicationInvalid,
    ApplicationRevoked,
    ScopesBeyondOwn,
)
from service.tenants.registration import Registration


@dataclass(frozen=True, slots=True)
class Granter:
    """Who gives out what an application may do.

    Attributes:
        scopes: what the granter holds, which is the most that it can give.
    """

    actor: Actor
    scopes: Collection[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What is to be said of an application from now on."""

    name: str
    scopes: Sequence[str]
    redirect_uris: Sequence[str]
    jwks: Mapping[str, Any] | None


OPERATOR = Granter(Actor(), domain.SCOPES.keys())
"""Who works at the command line has the database, and so holds all there is."""


async def create(
    session: TenantSession, granter: Granter, asked: Registration, *, secret: str, now: datetime
) -> Application:
    """Register an application; one of a client organization is confined to what concerns that client.

    Args:
        session: of the tenant.
        granter: who registers it.
        asked: as it is to be.
        secret: 256 random bits, of which only a digest is kept; unused unless it proves itself by one.
        now: the tenant's now.

    Raises:
        ApplicationInvalid, ScopesBeyondOwn, ClientNotFound, ApplicationsTooMany
    """
    _refuse(_faults(asked))
    _refuse_beyond(granter, asked.scopes)
    if asked.client_id is not None:
        await store.client(session, asked.client_id)
    await limits.make_room(session, APPLICATIONS, lambda: store.application_count(session))
    has_secret = asked.auth_method is AuthMethod.CLIENT_SECRET
    application = Application(
        tenant_id=session.tenant_id,
        id=ApplicationId(ids.new_id()),
        name=asked.name,
        client_id=asked.client_id,
        scopes=frozenset(asked.scopes),
        auth_method=asked.auth_method,
        grant_types=frozenset(asked.grant_types),
        redirect_uris=tuple(asked.redirect_uris),
        jwks=asked.jwks,
        secret_sha256=domain.secret_digest(secret) if has_secret else None,
        created_at=now,
    )
    await store.add_application(session, application)
    await _record(session, granter.actor, "created", None, application, now=now)
    return application


async def get(session: TenantSession, application_id: ApplicationId, *, lock: bool = False) -> Application:
    """Raises ApplicationNotFound."""
    return (await store.known_application(session, application_id, lock=lock)).to_domain()


async def count(session: TenantSession) -> int:
    """How many applications may still call."""
    return await store.application_count(session)


async def list_applications(session: TenantSession, *, after: UUID | None, limit: int) -> list[Application]:
    """Applications in the order of their ids, revoked ones too."""
    return [row.to_domain() for row in await store.applications(session, after=after, limit=limit)]


async def change(
    session: TenantSession, granter: Granter, held: Application, wanted: Change, *, now: datetime
) -> Application:
    """Replace what may change of an application that the caller holds locked.

    Raises:
        ApplicationFixed, ApplicationRevoked, ScopesBeyondOwn, ApplicationInvalid
    """
    _refuse_fixed(held)
    _refuse_beyond(granter, held.scopes, wanted.scopes)
    _refuse(_faults(_wanted_of(held, wanted)))
    changed = replace(
        held,
        name=wanted.name,
        scopes=frozenset(wanted.scopes),
        redirect_uris=tuple(wanted.redirect_uris),
        jwks=wanted.jwks,
        version=held.version + 1,
    )
    return await _save(session, granter.actor, "changed", held, changed, now=now)


async def rotate_secret(
    session: TenantSession,
    granter: Granter,
    held: Application,
    *,
    secret: str,
    previous_until: datetime | None,
    now: datetime,
) -> Application:
    """Give an application another secret. Of the ones before, the last counts until `previous_until`.

    Args:
        session: of the tenant.
        granter: who is shown the secret.
        held: the application, which the caller holds locked.
        secret: 256 random bits.
        previous_until: by the wall clock, as whoever gives out tokens goes by it; None ends it at once.
        now: the tenant's now.

    Raises:
        ApplicationFixed, ApplicationRevoked, ScopesBeyondOwn, ApplicationHasNoSecret
    """
    _refuse_fixed(held)
    _refuse_beyond(granter, held.scopes)
    if held.auth_method is not AuthMethod.CLIENT_SECRET:
        raise ApplicationHasNoSecret(held.id)
    changed = replace(
        held,
        secret_sha256=domain.secret_digest(secret),
        previous_secret_sha256=None if previous_until is None else held.secret_sha256,
        previous_secret_until=previous_until,
        version=held.version + 1,
    )
    return await _save(session, granter.actor, "secret_rotated", held, changed, now=now)


async def revoke(session: TenantSession, actor: Actor, held: Application, *, now: datetime) -> Application:
    """Let an application that the caller holds locked call no more. Raises ApplicationFixed."""
    if held.is_console:
        raise ApplicationFixed
    if held.revoked_at is not None:
        return held
    changed = replace(held, revoked_at=now, version=held.version + 1)
    return await _save(session, actor, "revoked", held, changed, now=now)


def _wanted_of(held: Application, wanted: Change) -> Registration:
    return Registration(
        name=wanted.name,
        scopes=wanted.scopes,
        client_id=held.client_id,
        auth_method=held.auth_method,
        grant_types=sorted(held.grant_types),
        redirect_uris=wanted.redirect_uris,
        jwks=wanted.jwks,
    )


def _faults(asked: Registration) -> list[Fault]:
    signs = asked.auth_method is AuthMethod.PRIVATE_KEY_JWT
    if signs and asked.jwks is None:
        return [*registration.faults(asked), Fault("/jwks", "private_key_jwt needs the public keys.")]
    if not signs and asked.jwks is not None:
        return [*registration.faults(asked), Fault("/jwks", "Only private_key_jwt has keys.")]
    return registration.faults(asked) + ([] if asked.jwks is None else keysets.faults(asked.jwks))


def _refuse(faults: list[Fault]) -> None:
    if faults:
        raise ApplicationInvalid(faults)


def _refuse_fixed(held: Application) -> None:
    if held.is_console:
        raise ApplicationFixed
    if held.revoked_at is not None:
        raise ApplicationRevoked(held.id)


def _refuse_beyond(granter: Granter, *scopes: Collection[str]) -> None:
    if missing := registration.beyond(granter.scopes, *scopes):
        raise ScopesBeyondOwn(missing)


async def _save(
    session: TenantSession, actor: Actor, deed: str, held: Application, changed: Application, *, now: datetime
) -> Application:
    await store.save_application(session, changed)
    await _record(session, actor, deed, held, changed, now=now)
    return changed


async def _record(
    session: TenantSession,
    actor: Actor,
    deed: str,
    before: Application | None,
    after: Application,
    *,
    now: datetime,
) -> None:
    told = {} if before is None else _told(before)
    action, subject = f"application.{deed}", f"application:{after.id}"
    await audit.record(session, actor, Deed(action, subject, before=told, after=_told(after)), now=now)


def _told(application: Application) -> dict[str, Any]:
    """What the audit trail says of an application: nothing that is secret."""
    return {
        "name": application.name,
        "client_id": application.client_id,
        "auth_method": application.auth_method.value,
        "grant_types": sorted(application.grant_types),
        "scopes": sorted(application.scopes),
        "redirect_uris": list(application.redirect_uris),
        "keys": {} if application.jwks is None else keysets.thumbprints(application.jwks),
        "previous_secret_until": application.previous_secret_until,
        "revoked_at": application.revoked_at,
    }
