"""The requester's own way to what was decided: a link, which shows it and takes an answer or an objection."""

import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from service import ids
from service.audit import service as audit
from service.audit.domain import Actor, Deed
from service.db import TenantSession
from service.ids import ArrangementId
from service.links import SECRET_BYTES
from service.mail import service as mail
from service.rationalization.arrangements import domain
from service.rationalization.arrangements import service as arrangements
from service.rationalization.arrangements.domain import State
from service.rationalization.arrangements.errors import ArrangementNotFound
from service.rationalization.arrangements.models import Arrangement
from service.rationalization.involvement import service as involvement
from service.rationalization.objections import service as objections
from service.rationalization.objections.domain import Cause, SubjectKind
from service.rationalization.objections.domain import State as ObjectionState
from service.rationalization.objections.models import Objection, Plea, Subject
from service.rationalization.specials import service as specials
from service.rationalization.specials.models import SpecialMethod
from service.rationalization.wording import store as wording
from service.rationalization.wording.errors import ArrangementLinksTooMany
from service.rationalization.wording.links import Link
from service.requests import affairs, letters, objecting, rationalizing, store
from service.requests.answering import Delivery
from service.requests.domain import Request
from service.requests.intake import Caller
from service.rules.service import Rulebook
from service.tenants import contacts
from service.tenants import service as tenants
from service.tenants.domain import Contact, TenantKind

LINKS_MAX = 20
"""So many links to one arrangement may be about."""
OPEN_TO_OBJECTION = frozenset({State.DECLINED, State.REFUSED, State.REDIRECTED, State.LAPSED})
"""Where the page takes an objection, besides to a counter-proposal. Others object through the API."""
OBJECTIONS_SHOWN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A link that is to be made: for how many days, how it gets there, and whether it is to be mailed."""

    delivery: Delivery
    days: int
    is_mailed: bool


@dataclass(frozen=True, slots=True)
class Given:
    """A link that was made. Its address is told this once.

    Attributes:
        is_mailed: whether it was mailed to the requester.
    """

    url: str
    expires_at: datetime
    is_mailed: bool


@dataclass(frozen=True, slots=True)
class Opened:
    """What a link shows.

    Attributes:
        contact: who asks, where that is known.
        objection: what the holder of the link objected last to it, if anything.
        special: the deviation from the norm that it allows, or may allow, if it is about one.
    """

    arrangement: Arrangement
    state: State
    request: Request
    contact: Contact | None
    objection: Objection | None
    special: SpecialMethod | None
    tenant_name: str

    @property
    def is_offered(self) -> bool:
        """Does a counter-proposal wait for the answer?"""
        return self.state is State.PROPOSED

    @property
    def may_object(self) -> bool:
        return self.objection is None and (self.is_offered or self.state in OPEN_TO_OBJECTION)

    @property
    def actor(self) -> Actor:
        """As the audit trail calls whoever has the link."""
        return _actor(self.contact, self.arrangement)


async def give(
    session: TenantSession,
    actor: Actor,
    arrangement_id: ArrangementId,
    wanted: Wanted,
    *,
    now: datetime,
) -> Given:
    """Make a link to what was decided on a request, and mail it if that is wanted.

    A sandbox, whose contacts may be copies of real people, mails nobody.

    Raises:
        ArrangementNotFound, ArrangementLinksTooMany
    """
    found = await arrangements.get(session, arrangement_id, client_id=None)
    request = (await store.get(session, found.request_id, client_id=None, lock=True)).to_domain()
    if len(await wording.links(session, arrangement_id, now=now)) >= LINKS_MAX:
        raise ArrangementLinksTooMany(LINKS_MAX)
    link = Link(session.tenant_id, arrangement_id, secrets.token_urlsafe(SECRET_BYTES))
    expires_at = now + timedelta(days=wanted.days)
    values = {"arrangement_id": arrangement_id, "sha256": link.sha256, "expires_at": expires_at}
    await wording.add_link(session, ids.new_id(), created_at=now, **values)
    if actor.member_id is not None:
        await involvement.told_link(session, affairs.matter(request), found.id, actor.member_id, now=now)
    url = wanted.delivery.issuer + link.path
    given = Given(url, expires_at, is_mailed=False)
    was_mailed = wanted.is_mailed and await _mailed(session, found, request, given, wanted.delivery)
    after = {"expires_at": expires_at.isoformat(), "mailed": was_mailed}
    deed = Deed("arrangement.link_given", f"arrangement:{arrangement_id}", after=after)
    await audit.record(session, actor, deed, now=now)
    return replace(given, is_mailed=was_mailed)


async def opened(session: TenantSession, link: Link) -> Opened | None:
    """What a link shows now; None of a link that was never given away, or has expired."""
    now = await tenants.now(session)
    given = await wording.links(session, link.arrangement_id, now=now)
    if not any(link.is_kept_as(row.sha256) for row in given):
        return None
    try:
        found = await arrangements.get(session, link.arrangement_id, client_id=None)
    except ArrangementNotFound:
        return None
    request = (await store.get(session, found.request_id, client_id=None)).to_domain()
    contact = None if request.contact_id is None else await contacts.get(session, request.contact_id)
    return Opened(
        arrangement=found,
        state=domain.at(found.standing, now).state,
        request=request,
        contact=contact,
        objection=await _objection(session, found, _actor(contact, found), now=now),
        special=await specials.last_of(session, found.id),
        tenant_name=(await tenants.get(session)).name,
    )


async def accept(session: TenantSession, rulebook: Rulebook, shown: Opened, actor: Actor) -> None:
    """Accept the counter-proposal, as whoever has the link. Raises ArrangementNotOpen."""
    now = await tenants.now(session)
    await rationalizing.accept(session, rulebook, actor, shown.arrangement.id, client_id=None, now=now)


async def object_to(
    session: TenantSession, rulebook: Rulebook, shown: Opened, actor: Actor, words: str
) -> None:
    """Object to what was decided, as whoever has the link.

    Raises:
        ObjectionSubjectPast, ObjectionFinal, ObjectionExists, OpenObjectionsTooMany
    """
    now = await tenants.now(session)
    subject = Subject(kind=SubjectKind.ARRANGEMENT, id=shown.arrangement.id)
    plea = Plea(subject=subject, cause=Cause.OTHER, words=words)
    caller = Caller(client_id=shown.arrangement.client_id, may_backdate=False, actor=actor)
    await objecting.raise_objection(session, rulebook, caller, plea, now=now)


def _actor(contact: Contact | None, arrangement: Arrangement) -> Actor:
    name = "anonymous" if contact is None else f"contact:{contact.id}"
    return Actor(name=name, client_id=arrangement.client_id)


async def _objection(
    session: TenantSession, found: Arrangement, actor: Actor, *, now: datetime
) -> Objection | None:
    """What they objected last, unless they took it back."""
    sought = objections.Sought(subject_kind=SubjectKind.ARRANGEMENT, subject_id=found.id)
    raised = await objections.list_objections(session, sought, before=None, limit=OBJECTIONS_SHOWN, now=now)
    own = next((each for each in raised if each.raised_by == actor.name), None)
    return None if own is None or own.standing.state is ObjectionState.WITHDRAWN else own


async def _mailed(
    session: TenantSession, found: Arrangement, request: Request, given: Given, delivery: Delivery
) -> bool:
    if request.contact_id is None or not found.message:
        return False
    contact = await contacts.get(session, request.contact_id)
    if contact.email is None or (await tenants.get(session)).kind is not TenantKind.LIVE:
        return False
    letter = letters.verdict(
        contact.email, contact, found.message, url=given.url, expires_at=given.expires_at
    )
    await mail.enqueue_within(session, delivery.vault, letter, now=delivery.sent_at)
    return True
