"""The requester's own way to a renegotiation: a link, which shows what is proposed and takes one answer."""

import secrets
from dataclasses import dataclass, replace
from datetime import datetime

from service.audit.domain import Actor
from service.commitments import service as commitments
from service.commitments.models import Commitment
from service.commitments.renegotiation import domain
from service.commitments.renegotiation import service as renegotiations
from service.commitments.renegotiation.domain import Answered, Channel
from service.commitments.renegotiation.errors import RenegotiationInvalid, RenegotiationNotFound
from service.commitments.renegotiation.links import Link
from service.commitments.renegotiation.models import Renegotiation
from service.commitments.renegotiation.service import Proposal
from service.db import TenantSession
from service.errors import Fault
from service.ids import CommitmentId
from service.mail import service as mail
from service.requests import letters, renegotiating, store
from service.requests.domain import Request
from service.tenants import contacts
from service.tenants import service as tenants
from service.tenants.domain import Contact, TenantKind
from service.vault import Vault

SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class Delivery:
    """How a link reaches the requester: under this address of ours, sealed for the mail by this vault.

    Attributes:
        sent_at: the wall clock's now, by which mail is sent.
    """

    issuer: str
    vault: Vault
    sent_at: datetime


@dataclass(frozen=True, slots=True)
class Opened:
    """What a link shows. `contact` is to whom the promise was made, where that is known."""

    renegotiation: Renegotiation
    commitment: Commitment
    request: Request
    contact: Contact | None
    tenant_name: str

    @property
    def is_open(self) -> bool:
        return self.renegotiation.standing.state in domain.OPEN

    @property
    def actor(self) -> Actor:
        """As the audit trail calls whoever has the link."""
        name = "anonymous" if self.contact is None else f"contact:{self.contact.id}"
        return Actor(name=name, client_id=self.renegotiation.client_id)


async def propose_with_link(
    session: TenantSession,
    actor: Actor,
    commitment_id: CommitmentId,
    proposal: Proposal,
    delivery: Delivery,
    *,
    now: datetime,
) -> tuple[Renegotiation, str]:
    """Propose, and make the link: its address is told this once, and mailed to the requester.

    A sandbox, whose contacts may be copies of real people, mails nobody. What is promised to one client
    organization by the request of another, as in a major incident, has no requester to give a link to.

    Raises:
        CommitmentNotFound, CommitmentEnded, CommitmentRevised, RenegotiatedTooOften, RenegotiationInvalid
    """
    secret = secrets.token_urlsafe(SECRET_BYTES)
    asked = replace(proposal, link_secret=secret)
    made = await renegotiating.propose(session, actor, commitment_id, asked, now=now)
    url = delivery.issuer + Link(session.tenant_id, made.id, secret).path
    shown = await _shown(session, made)
    if shown.commitment.client_id != shown.request.client_id:
        detail = "It is promised by another client's request: there is nobody to give a link to."
        raise RenegotiationInvalid([Fault("/link", detail)])
    tenant = await tenants.get(session)
    contact = shown.contact
    if contact is not None and contact.email is not None and tenant.kind is TenantKind.LIVE:
        letter = letters.proposal(contact.email, contact, tenant.name, shown.request, made.proposed, url=url)
        await mail.enqueue_within(session, delivery.vault, letter, now=delivery.sent_at)
    return made, url


async def opened(session: TenantSession, link: Link) -> Opened | None:
    """What a link shows now; None of a link that was never given away."""
    try:
        found = await renegotiations.get(session, link.renegotiation_id, client_id=None)
    except RenegotiationNotFound:
        return None
    if not link.opens(found):
        return None
    now = await tenants.now(session)
    return await _shown(session, replace(found, standing=domain.standing(found.entries, now)))


async def answer(session: TenantSession, shown: Opened, actor: Actor, said: Answered) -> Renegotiation:
    """Record the answer of whoever has the link.

    Raises:
        RenegotiationEnded, RenegotiationInvalid, CommitmentEnded
    """
    said = replace(said, by=actor.name, channel=Channel.LINK)
    return await renegotiating.answer(session, actor, shown.renegotiation.id, said, client_id=None)


async def _shown(session: TenantSession, renegotiation: Renegotiation) -> Opened:
    now = renegotiation.standing.since
    found = await commitments.get(session, renegotiation.commitment_id, client_id=None, now=now)
    request = (await store.get(session, renegotiation.request_id, client_id=None)).to_domain()
    contact_id = found.commitment.made.to or request.contact_id
    return Opened(
        renegotiation,
        found.commitment,
        request,
        None if contact_id is None else await contacts.get(session, contact_id),
        (await tenants.get(session)).name,
    )
