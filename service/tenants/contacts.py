"""Use cases of contacts: the people who are named on requests, and who are not members."""

from collections.abc import Collection
from dataclasses import asdict
from datetime import datetime
from uuid import UUID

from service import ids
from service.audit import service as audit
from service.audit.domain import Actor, Deed
from service.db import TenantSession
from service.errors import Fault
from service.ids import ClientId, ContactId
from service.limits import service as limits
from service.limits.domain.table import CONTACTS
from service.tenants import profiles, store
from service.tenants.domain import Contact
from service.tenants.errors import ContactNotFound, RegistrationInvalid
from service.tenants.models import ContactRow
from service.tenants.profiles import ContactEntry


async def create(
    session: TenantSession,
    actor: Actor,
    entry: ContactEntry,
    *,
    client_id: ClientId | None,
    zones: Collection[str],
    now: datetime,
) -> Contact:
    """Register a person of a client organization, or, without one, of the tenant itself.

    Args:
        session: of the tenant.
        actor: who registers it.
        entry: what is said of it.
        client_id: whose person it is.
        zones: the names of time zones that there are.
        now: the tenant's now.

    Raises:
        RegistrationInvalid, ClientNotFound, ContactExists, ContactsTooMany
    """
    _refuse(profiles.faults_of_contact(entry, zones))
    if client_id is not None:
        await store.client(session, client_id)
    await limits.make_room(session, CONTACTS, lambda: store.contact_count(session, client_id))
    row = ContactRow(
        tenant_id=session.tenant_id,
        id=ids.new_id(),
        client_id=client_id,
        version=1,
        created_at=now,
        **asdict(entry),
    )
    await store.add_contact(session, row)
    after = {"client_id": client_id, **asdict(entry)}
    await audit.record(session, actor, Deed("contact.created", f"contact:{row.id}", after=after), now=now)
    return row.to_domain()


async def get(session: TenantSession, contact_id: ContactId, *, lock: bool = False) -> Contact:
    """A contact, if the session may see it. Raises ContactNotFound."""
    return (await store.contact(session, contact_id, lock=lock)).to_domain()


async def list_contacts(
    session: TenantSession, *, client_id: ClientId | None, after: UUID | None, limit: int
) -> list[Contact]:
    """Contacts, oldest first; with a `client_id`, that client's only."""
    found = await store.contacts(session, client_id=client_id, after=after, limit=limit)
    return [row.to_domain() for row in found]


async def change(
    session: TenantSession,
    actor: Actor,
    contact_id: ContactId,
    entry: ContactEntry,
    *,
    zones: Collection[str],
    now: datetime,
) -> Contact:
    """Replace what is registered of a contact; see `create`.

    Raises:
        RegistrationInvalid, ContactNotFound, ContactExists
    """
    _refuse(profiles.faults_of_contact(entry, zones))
    row = await store.contact(session, contact_id, lock=True)
    before, after = {key: getattr(row, key) for key in asdict(entry)}, asdict(entry)
    for key, value in after.items():
        setattr(row, key, value)
    row.version += 1
    await store.save_contact(session, row)
    deed = Deed("contact.changed", f"contact:{contact_id}", before=before, after=after)
    await audit.record(session, actor, deed, now=now)
    return row.to_domain()


async def remove(session: TenantSession, actor: Actor, contact_id: ContactId, *, now: datetime) -> None:
    """Remove a contact that no request names. Raises ContactNotFound, ContactInUse."""
    row = await store.contact(session, contact_id, lock=True)
    before = {"client_id": row.client_id, **{key: getattr(row, key) for key in ContactEntry.__slots__}}
    await store.remove_contact(session, row)
    deed = Deed("contact.removed", f"contact:{contact_id}", before=before)
    await audit.record(session, actor, deed, now=now)


async def named(session: TenantSession, name: str, *, client_id: ClientId | None) -> Contact:
    """The person of this client organization, or of the tenant itself, whom a request names.

    Args:
        session: of the tenant.
        name: the contact's id, or what the client's own register calls it.
        client_id: whose request it is.

    Raises:
        ContactNotFound
    """
    row = await store.contact_named(session, name, _contact_id(name), client_id=client_id)
    if row is None:
        raise ContactNotFound(name)
    return row.to_domain()


async def emails_of(session: TenantSession, contact_ids: Collection[ContactId]) -> dict[ContactId, str]:
    """The mail addresses of those of these contacts that have one, in small letters."""
    if not contact_ids:
        return {}
    found = await store.contacts_with(session, contact_ids=contact_ids)
    return {ContactId(row.id): row.email.lower() for row in found if row.email is not None}


async def at_addresses(session: TenantSession, emails: Collection[str]) -> dict[ContactId, str]:
    """The contacts that have one of these mail addresses, which are in small letters, with which."""
    if not emails:
        return {}
    found = await store.contacts_with(session, emails=emails)
    return {ContactId(row.id): row.email.lower() for row in found if row.email is not None}


def _contact_id(name: str) -> ContactId | None:
    try:
        return ContactId(ids.read_id(name))
    except ValueError:
        return None


def _refuse(faults: list[Fault]) -> None:
    if faults:
        raise RegistrationInvalid(faults)
