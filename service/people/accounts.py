"""Queries of what belongs to a person and not to a tenant: accounts, sessions, buckets, memberships."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, delete, exists, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from service.ids import MemberId, PersonId, TenantId
from service.people.domain import Membership, Person
from service.people.domain.throttle import Bucket, Level, empty_at
from service.people.models import (
    LogInFailureRecord,
    LoginSessionRecord,
    MembershipRecord,
    PasswordResetRecord,
    PersonRecord,
    RecoveryCodeRecord,
    ResetRequestRecord,
)
from service.platform import PlatformSession
from service.tenants.models import TenantRecord

MEMBERSHIPS_MAX = 200


@dataclass(frozen=True, slots=True)
class Account:
    """A person's row, and whether it is a member of any tenant, or invited to one."""

    row: PersonRecord
    is_member: bool


@dataclass(frozen=True, slots=True)
class Opened:
    """A session, whose it is, and the membership in the tenant that was chosen, if it still is one."""

    row: LoginSessionRecord
    person: PersonRecord
    membership: MembershipRecord | None


async def find(platform: PlatformSession, email: str) -> Account | None:
    is_member = exists().where(MembershipRecord.person_id == PersonRecord.id)
    found = await platform.db.execute(
        select(PersonRecord, is_member.label("is_member")).where(PersonRecord.email == email)
    )
    row = found.first()
    return None if row is None else Account(row[0], row[1])


async def person(
    platform: PlatformSession, person_id: PersonId, *, lock: bool = False
) -> PersonRecord | None:
    return await _person(platform, PersonRecord.id == person_id, lock=lock)


async def person_at(platform: PlatformSession, email: str) -> PersonRecord | None:
    return await _person(platform, PersonRecord.email == email, lock=False)


async def add_person(platform: PlatformSession, row: PersonRecord) -> bool:
    """Add an account unless there is one with its address; say whether it was added."""
    values = {column.key: getattr(row, column.key) for column in PersonRecord.__table__.columns}
    added = await platform.db.execute(
        upsert(PersonRecord).values(values).on_conflict_do_nothing().returning(PersonRecord.id)
    )
    return added.first() is not None


async def memberships(platform: PlatformSession, person_id: PersonId) -> list[Membership]:
    """The tenants in which the person is an active member, by name."""
    found = await platform.db.execute(
        select(TenantRecord, MembershipRecord)
        .join(MembershipRecord, MembershipRecord.tenant_id == TenantRecord.id)
        .where(MembershipRecord.person_id == person_id, MembershipRecord.active)
        .order_by(TenantRecord.name, TenantRecord.slug)
        .limit(MEMBERSHIPS_MAX)
    )
    return [
        Membership(TenantId(tenant.id), tenant.slug, tenant.name, MemberId(membership.member_id))
        for tenant, membership in found
    ]


async def membership(
    platform: PlatformSession, person_id: PersonId, tenant_id: TenantId
) -> MembershipRecord | None:
    return await platform.db.scalar(
        select(MembershipRecord).where(
            MembershipRecord.person_id == person_id,
            MembershipRecord.tenant_id == tenant_id,
            MembershipRecord.active,
        )
    )


async def put_membership(
    platform: PlatformSession,
    person_id: PersonId,
    tenant_id: TenantId,
    member_id: MemberId,
    *,
    active: bool,
) -> None:
    await platform.db.execute(
        upsert(MembershipRecord)
        .values(person_id=person_id, tenant_id=tenant_id, member_id=member_id, active=active)
        .on_conflict_do_update(
            index_elements=[MembershipRecord.person_id, MembershipRecord.tenant_id],
            set_={"member_id": member_id, "active": active},
        )
    )


async def remove_membership(platform: PlatformSession, person_id: PersonId, tenant_id: TenantId) -> None:
    await platform.db.execute(
        delete(MembershipRecord).where(
            MembershipRecord.person_id == person_id, MembershipRecord.tenant_id == tenant_id
        )
    )


async def session(platform: PlatformSession, digest: bytes, *, lock: bool = False) -> Opened | None:
    query = (
        select(LoginSessionRecord, PersonRecord, MembershipRecord)
        .join(PersonRecord, PersonRecord.id == LoginSessionRecord.person_id)
        .outerjoin(
            MembershipRecord,
            and_(
                MembershipRecord.person_id == LoginSessionRecord.person_id,
                MembershipRecord.tenant_id == LoginSessionRecord.tenant_id,
                MembershipRecord.active,
            ),
        )
        .where(LoginSessionRecord.digest == digest)
    )
    if lock:
        query = query.with_for_update(of=LoginSessionRecord).execution_options(populate_existing=True)
    found = await platform.db.execute(query)
    row = found.first()
    return None if row is None else Opened(row[0], row[1], row[2])


async def add_session(platform: PlatformSession, row: LoginSessionRecord) -> None:
    platform.db.add(row)
    await platform.db.flush()


async def end_all_sessions(
    platform: PlatformSession, person_id: PersonId, *, now: datetime, but: bytes = b""
) -> None:
    """End the person's sessions, but that of the digest `but`."""
    await platform.db.execute(
        update(LoginSessionRecord)
        .where(
            LoginSessionRecord.person_id == person_id,
            LoginSessionRecord.digest != but,
            LoginSessionRecord.revoked_at.is_(None),
        )
        .values(revoked_at=now)
    )


async def glance(platform: PlatformSession, buckets: Sequence[Bucket]) -> Mapping[Bucket, Level]:
    """How full those of these buckets are that there is something in. Nothing is locked."""
    found = await platform.db.execute(
        select(LogInFailureRecord.bucket, LogInFailureRecord.level, LogInFailureRecord.measured_at).where(
            LogInFailureRecord.bucket.in_([bucket.key for bucket in buckets])
        )
    )
    by_key = {key: Level(level, measured_at) for key, level, measured_at in found}
    return {bucket: by_key[bucket.key] for bucket in buckets if bucket.key in by_key}


async def levels(
    platform: PlatformSession, buckets: Sequence[Bucket], *, now: datetime
) -> Mapping[Bucket, Level]:
    """How full these buckets are. They are locked, in one order, until the transaction ends."""
    found = await platform.db.execute(
        upsert(LogInFailureRecord)
        .values(
            [
                {"bucket": key, "level": 0.0, "measured_at": now, "empty_at": now}
                for key in sorted(bucket.key for bucket in buckets)
            ]
        )
        .on_conflict_do_update(
            index_elements=[LogInFailureRecord.bucket], set_={"level": LogInFailureRecord.level}
        )
        .returning(LogInFailureRecord.bucket, LogInFailureRecord.level, LogInFailureRecord.measured_at)
    )
    by_key = {key: Level(level, measured_at) for key, level, measured_at in found}
    return {bucket: by_key[bucket.key] for bucket in buckets}


async def set_levels(platform: PlatformSession, levels: Mapping[Bucket, Level]) -> None:
    for bucket, level in levels.items():
        await platform.db.execute(
            update(LogInFailureRecord)
            .where(LogInFailureRecord.bucket == bucket.key)
            .values(
                level=level.failures,
                measured_at=level.measured_at,
                empty_at=empty_at(level, bucket.limit),
            )
        )


async def replace_recovery_codes(
    platform: PlatformSession, person_id: PersonId, digests: Sequence[bytes], *, now: datetime
) -> None:
    await platform.db.execute(delete(RecoveryCodeRecord).where(RecoveryCodeRecord.person_id == person_id))
    platform.db.add_all(
        RecoveryCodeRecord(person_id=person_id, digest=digest, created_at=now) for digest in digests
    )
    await platform.db.flush()


async def use_recovery_code(platform: PlatformSession, person_id: PersonId, digest: bytes) -> bool:
    """Take a recovery code away; False when the person has no such code."""
    taken = await platform.db.execute(
        delete(RecoveryCodeRecord)
        .where(RecoveryCodeRecord.person_id == person_id, RecoveryCodeRecord.digest == digest)
        .returning(RecoveryCodeRecord.digest)
    )
    return taken.first() is not None


async def reset(
    platform: PlatformSession, digest: bytes, *, now: datetime, lock: bool = False
) -> PasswordResetRecord | None:
    query = select(PasswordResetRecord).where(
        PasswordResetRecord.digest == digest, PasswordResetRecord.expires_at > now
    )
    return await platform.db.scalar(query.with_for_update() if lock else query)


async def add(platform: PlatformSession, row: PasswordResetRecord | ResetRequestRecord) -> None:
    platform.db.add(row)
    await platform.db.flush()


async def remove_resets(platform: PlatformSession, person_id: PersonId) -> None:
    await platform.db.execute(delete(PasswordResetRecord).where(PasswordResetRecord.person_id == person_id))


async def take_reset_request(platform: PlatformSession) -> ResetRequestRecord | None:
    """The oldest wish for a reset that nobody works on; it is gone when the transaction commits."""
    row = await platform.db.scalar(
        select(ResetRequestRecord).order_by(ResetRequestRecord.id).limit(1).with_for_update(skip_locked=True)
    )
    if row is not None:
        await platform.db.delete(row)
    return row


async def forget(platform: PlatformSession, *, now: datetime, idle_since: datetime) -> None:
    """Drop what does not count any more: sessions, links, empty buckets."""
    for statement in (
        delete(LoginSessionRecord).where(LoginSessionRecord.expires_at < now),
        delete(LoginSessionRecord).where(LoginSessionRecord.seen_at < idle_since),
        delete(PasswordResetRecord).where(PasswordResetRecord.expires_at < now),
        delete(LogInFailureRecord).where(LogInFailureRecord.empty_at < now),
    ):
        await platform.db.execute(statement)


def to_person(row: PersonRecord) -> Person:
    return Person(
        id=PersonId(row.id), email=row.email, name=row.name, has_totp=row.totp_confirmed_at is not None
    )


async def _person(
    platform: PlatformSession, which: ColumnElement[bool], *, lock: bool
) -> PersonRecord | None:
    query = select(PersonRecord).where(which)
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    return await platform.db.scalar(query)
