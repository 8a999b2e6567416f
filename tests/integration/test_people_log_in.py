"""How people log in: password, second factor, sessions, throttle, reset. On a real database."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Literal

import pytest
from argon2 import PasswordHasher
from pyotp.totp import TOTP
from sqlalchemy import event, func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from service.audit.models import AuditRecordRow
from service.db import Sessions, TenantSession, tenant_transaction
from service.ids import MemberId, PersonId
from service.mail.models import MailRow
from service.people import drive, invitations, logins, passwords, second_factors, service
from service.people.domain import LIMITS, Factor, Kind, Origin, Role, factors
from service.people.domain.outcomes import (
    Attempt,
    Ended,
    FactorAttempt,
    FactorNeeded,
    LoggedInAnew,
    PasswordSet,
    RecoveryCodes,
    Refused,
    Throttled,
    TotpRemoved,
)
from service.people.drive import Errands
from service.people.errors import PasswordUnfit, TotpAlreadyOn
from service.people.invitations import Acceptance, Delivery, Invitee
from service.people.models import LoginDeedRecord, LoginSessionRecord, PasswordResetRecord, PersonRecord
from service.people.passwords import PasswordChange
from service.people.showing import place_of_seed
from service.platform import PlatformSession, platform_transaction
from service.tenants.domain import Tenant
from service.vault import Place
from tests import factories
from tests.factories import NOON, VAULT, MovableClock

pytestmark = pytest.mark.usefixtures("cheap_passwords")

EMAIL = "ada@harbour.test"
PASSWORD = "three boats in the old harbour"  # noqa: S105 - of a test
HOME = Origin(address="192.0.2.1", http_request_id="r1")
ELSEWHERE = Origin(address="198.51.100.7")
"""Where somebody calls from who is not the owner."""
DELIVERY = Delivery("http://rooted.test", None)


async def joined(sessions: Sessions, tenant: Tenant, *, email: str = EMAIL, now: datetime = NOON) -> MemberId:
    """Invite somebody who makes an account, and return the member."""
    async with tenant_transaction(sessions, tenant.id) as session:
        invitee = Invitee(email, "Ada Harbour", (Role.ADMIN,))
        invited = await invitations.invite(session, factories.OPERATOR, invitee, DELIVERY, now=now)
        acceptance = Acceptance("Ada Harbour", PASSWORD, HOME)
        secret = factories.secret_of(invited.link.url)
        await invitations.accept_invitation(session, VAULT, secret, acceptance, now=now)
    return invited.member.id


@pytest.fixture
async def member(sessions: Sessions, tenant: Tenant) -> MemberId:
    return await joined(sessions, tenant)


@pytest.fixture
async def platform(sessions: Sessions, member: MemberId) -> AsyncGenerator[PlatformSession]:  # noqa: ARG001 - after it joined
    """A transaction that lasts as long as the test, in which each refusal is kept."""
    async with platform_transaction(sessions) as opened:
        yield opened


async def log_in(
    platform: PlatformSession,
    *,
    email: str = EMAIL,
    password: str = PASSWORD,
    origin: Origin = HOME,
    now: datetime = NOON,
) -> logins.LogInOutcome:
    return await logins.log_in(platform, VAULT, Attempt(email, password, origin), now=now)


async def logged_in(platform: PlatformSession, *, now: datetime = NOON) -> LoggedInAnew:
    outcome = await log_in(platform, now=now)
    assert isinstance(outcome, LoggedInAnew)
    return outcome


async def with_totp(platform: PlatformSession, *, now: datetime = NOON) -> tuple[str, TOTP, RecoveryCodes]:
    """The token of a session in which an authenticator was set up, that authenticator, and recovery codes."""
    token = (await logged_in(platform, now=now)).token
    enrolment = await second_factors.begin_totp(platform, VAULT, token, now=now)
    assert enrolment is not None
    authenticator = TOTP(enrolment.secret)
    shown = FactorAttempt(token, authenticator.at(now), HOME)
    codes = await second_factors.confirm_totp(platform, VAULT, shown, now=now)
    assert isinstance(codes, RecoveryCodes)
    return token, authenticator, codes


async def halfway(platform: PlatformSession, *, now: datetime, origin: Origin = HOME) -> str:
    outcome = await log_in(platform, now=now, origin=origin)
    assert isinstance(outcome, FactorNeeded)
    return outcome.token


async def confirm(
    platform: PlatformSession, token: str, code: str, *, now: datetime, origin: Origin = HOME
) -> logins.FactorOutcome:
    return await logins.confirm_factor(platform, VAULT, FactorAttempt(token, code, origin), now=now)


async def test_who_knows_the_password_is_logged_in(platform: PlatformSession, tenant: Tenant) -> None:
    outcome = await log_in(platform, email=f"  {EMAIL.upper()} ")

    assert isinstance(outcome, LoggedInAnew)
    found = await logins.session_of(platform, outcome.token, now=NOON)
    assert found is not None
    assert (found.person.email, found.person.has_totp, found.factors) == (EMAIL, False, {Factor.PASSWORD})
    assert (found.tenant_id, found.member_id) == (None, None)
    assert [each.tenant_id for each in await logins.memberships(platform, found.person.id)] == [tenant.id]


@pytest.mark.parametrize(
    ("email", "password"),
    [
        (EMAIL, "another boat in the old harbour"),
        (EMAIL, ""),
        (EMAIL, PASSWORD.upper()),
        (EMAIL, "x" * 100_000),
        (EMAIL, "half a pair \ud800, and NUL \0"),
        ("nobody@harbour.test", PASSWORD),
        ("not an address", PASSWORD),
        ("ada@harbour.test\0", PASSWORD),
        ("\ud800@harbour.test", PASSWORD),
        ("", ""),
    ],
)
async def test_all_that_is_wrong_is_refused_alike(
    platform: PlatformSession, email: str, password: str
) -> None:
    assert await log_in(platform, email=email, password=password) == Refused()


async def test_nothing_is_asked_of_the_database_that_tells_whether_there_is_an_account(
    platform: PlatformSession, engine: AsyncEngine
) -> None:
    sent: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_others: object) -> None:
        sent.append(statement)

    async def statements_of(work: Awaitable[object]) -> list[str]:
        sent.clear()
        await work
        await platform.db.flush()
        return list(sent)

    strangers = "nobody@harbour.test"
    await log_in(platform, email=strangers)  # the first statement begins the transaction
    event.listen(engine.sync_engine, "before_cursor_execute", note)
    try:
        wrong = await statements_of(log_in(platform, password="wrong"))  # noqa: S106 - wrong
        unknown = await statements_of(log_in(platform, email=strangers))
        asked = await statements_of(passwords.request_reset(platform, EMAIL, HOME, now=NOON))
        in_vain = await statements_of(passwords.request_reset(platform, strangers, HOME, now=NOON))
    finally:
        event.remove(engine.sync_engine, "before_cursor_execute", note)

    assert wrong == unknown != []
    assert asked == in_vain != []


async def test_nothing_is_locked_while_a_password_is_computed(
    platform: PlatformSession, engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    happened: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_others: object) -> None:
        happened.append(statement)

    class Noting(PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:  # noqa: A002 - argon2's name
            happened.append("computed")
            return super().verify(hash, password)

    monkeypatch.setattr("service.people.hashing._hasher", Noting(time_cost=1, memory_cost=8, parallelism=1))
    event.listen(engine.sync_engine, "before_cursor_execute", note)
    try:
        assert isinstance(await log_in(platform), LoggedInAnew)
    finally:
        event.remove(engine.sync_engine, "before_cursor_execute", note)

    before = happened[: happened.index("computed")]
    assert [each for each in before if "log_in_failure" in each], "a full bucket is seen before"
    assert not [each for each in before if each.startswith(("INSERT", "UPDATE", "DELETE")) or "FOR " in each]


async def test_who_is_deactivated_everywhere_is_refused_as_if_the_password_were_wrong(
    platform: PlatformSession, sessions: Sessions, tenant: Tenant, member: MemberId
) -> None:
    async with tenant_transaction(sessions, tenant.id) as session:
        await _second_admin(session)
        await service.deactivate(session, factories.OPERATOR, member, now=NOON)

    assert await log_in(platform) == Refused()


async def test_the_tokens_are_kept_as_digests_only(platform: PlatformSession) -> None:
    token = (await logged_in(platform)).token

    rows = list(await platform.db.scalars(select(LoginSessionRecord)))

    assert rows
    assert all(token.encode() not in bytes(row.digest) and len(row.digest) == 32 for row in rows)


async def test_a_session_ends_by_age_by_idleness_and_by_log_out(platform: PlatformSession) -> None:
    tokens = [(await logged_in(platform)).token for _ in range(3)]
    used_until = NOON
    while used_until < NOON + timedelta(hours=11, minutes=30):
        used_until += timedelta(minutes=30)
        assert await logins.session_of(platform, tokens[0], now=used_until) is not None
    idle = await logins.session_of(platform, tokens[1], now=NOON + timedelta(hours=1))
    await logins.log_out(platform, tokens[2], now=NOON, origin=HOME)

    assert await logins.session_of(platform, tokens[0], now=NOON + timedelta(hours=12)) is None
    assert idle is None
    assert await logins.session_of(platform, tokens[2], now=NOON) is None


async def test_a_tenant_is_chosen_among_those_where_one_is_an_active_member(
    platform: PlatformSession, sessions: Sessions, tenant: Tenant, member: MemberId
) -> None:
    foreign = await factories.tenant(sessions)
    token = (await logged_in(platform)).token

    refused = await logins.choose_tenant(platform, token, foreign.id, now=NOON)
    chosen = await logins.choose_tenant(platform, token, tenant.id, now=NOON)
    async with tenant_transaction(sessions, tenant.id) as session:
        await _second_admin(session)
        await service.deactivate(session, factories.OPERATOR, member, now=NOON)
    left = await logins.session_of(platform, token, now=NOON)

    assert refused is None
    assert chosen is not None
    assert (chosen.tenant_id, chosen.member_id) == (tenant.id, member)
    assert left is not None
    assert left.tenant_id is None


async def test_logging_out_everywhere_ends_sessions_and_tokens(
    platform: PlatformSession, sessions: Sessions, tenant: Tenant, member: MemberId
) -> None:
    first, second = await logged_in(platform), await logged_in(platform)
    at = NOON + timedelta(minutes=5, microseconds=1)

    await logins.log_out_everywhere(platform, first.person.id, now=at, origin=HOME)

    assert await logins.session_of(platform, first.token, now=at) is None
    assert await logins.session_of(platform, second.token, now=at) is None
    assert await _tokens_valid_from(sessions, tenant, member) == NOON + timedelta(minutes=5, seconds=1)


async def test_many_failures_are_throttled_and_time_lets_in_again(platform: PlatformSession) -> None:
    limit = LIMITS[Kind.PAIR]
    for _ in range(limit.failures_max):
        assert await log_in(platform, password="wrong", origin=ELSEWHERE) == Refused()  # noqa: S106 - wrong

    throttled = await log_in(platform, origin=ELSEWHERE)
    again = await log_in(platform, origin=ELSEWHERE, now=NOON + limit.leaks_one_in)

    assert throttled == Throttled(limit.leaks_one_in)
    assert isinstance(again, LoggedInAnew)


async def test_an_address_that_nobody_has_is_throttled_like_any_other(platform: PlatformSession) -> None:
    for _ in range(LIMITS[Kind.PAIR].failures_max):
        await log_in(platform, email="nobody@harbour.test")

    assert await log_in(platform, email="nobody@harbour.test") == Throttled(LIMITS[Kind.PAIR].leaks_one_in)


async def test_who_fills_the_accounts_bucket_does_not_keep_out_the_owner(platform: PlatformSession) -> None:
    device = (await logged_in(platform)).device
    known = replace(HOME, device=device)
    wrong = "wrong"
    attackers = [
        Origin(address=f"198.51.100.{number}") for number in range(LIMITS[Kind.ACCOUNT].failures_max)
    ]
    for attacker in attackers:
        assert await log_in(platform, password=wrong, origin=attacker) == Refused()

    stranger = await log_in(platform, origin=Origin(address="203.0.113.9"))
    forged = await log_in(platform, origin=replace(HOME, device=device[:-2] + "AA"))
    owner = await log_in(platform, origin=known)

    assert isinstance(stranger, Throttled)
    assert isinstance(forged, Throttled)
    assert isinstance(owner, LoggedInAnew)


async def test_a_known_browser_has_a_bucket_of_its_own_that_fills_too(platform: PlatformSession) -> None:
    known = replace(HOME, device=(await logged_in(platform)).device)
    for _ in range(LIMITS[Kind.DEVICE].failures_max):
        assert await log_in(platform, password="wrong", origin=known) == Refused()  # noqa: S106 - wrong

    assert isinstance(await log_in(platform, origin=known), Throttled)
    assert isinstance(await log_in(platform, origin=HOME), LoggedInAnew)


async def test_a_second_factor_is_asked_for_once_it_is_set_up(platform: PlatformSession) -> None:
    _, authenticator, _ = await with_totp(platform)
    now = NOON + timedelta(minutes=1)

    token = await halfway(platform, now=now)
    before = await logins.session_of(platform, token, now=now)
    outcome = await confirm(platform, token, authenticator.at(now), now=now)

    assert before is None
    assert isinstance(outcome, LoggedInAnew)
    assert outcome.token != token
    found = await logins.session_of(platform, outcome.token, now=now)
    assert found is not None
    assert found.factors == {Factor.PASSWORD, Factor.TOTP}
    assert await confirm(platform, token, authenticator.at(now), now=now) == Ended()


async def test_a_code_counts_once_and_for_one_step_around_now(platform: PlatformSession) -> None:
    _, authenticator, _ = await with_totp(platform)
    now = NOON + timedelta(minutes=10)
    step = timedelta(seconds=30)

    old = await confirm(platform, await halfway(platform, now=now), authenticator.at(now - 2 * step), now=now)
    first = await confirm(platform, await halfway(platform, now=now), authenticator.at(now), now=now)
    again = await confirm(platform, await halfway(platform, now=now), authenticator.at(now), now=now)
    earlier = await confirm(platform, await halfway(platform, now=now), authenticator.at(now - step), now=now)
    ahead = await confirm(platform, await halfway(platform, now=now), authenticator.at(now + step), now=now)

    assert (old, again, earlier) == (Refused(), Refused(), Refused())
    assert isinstance(first, LoggedInAnew)
    assert isinstance(ahead, LoggedInAnew)


async def test_a_recovery_code_counts_once(platform: PlatformSession) -> None:
    _, _, codes = await with_totp(platform)
    assert len(set(codes.codes)) == 10

    typed = f" {codes.codes[3].lower().replace('-', ' ')} "
    first = await confirm(platform, await halfway(platform, now=NOON), typed, now=NOON)
    again = await confirm(platform, await halfway(platform, now=NOON), codes.codes[3], now=NOON)

    assert isinstance(first, LoggedInAnew)
    assert again == Refused()


async def test_wrong_codes_are_throttled_but_not_the_owners_browser(platform: PlatformSession) -> None:
    _, authenticator, _ = await with_totp(platform)
    now = NOON + timedelta(minutes=10)
    known = await confirm(platform, await halfway(platform, now=now), authenticator.at(now), now=now)
    assert isinstance(known, LoggedInAnew)
    for number in range(LIMITS[Kind.FACTOR].failures_max):
        token = await halfway(platform, now=now, origin=ELSEWHERE)
        assert await confirm(platform, token, f"{number:06}", now=now, origin=ELSEWHERE) == Refused()

    later = now + timedelta(seconds=30)
    code = authenticator.at(later)
    stranger = await confirm(platform, await halfway(platform, now=later), code, now=later)
    origin = replace(HOME, device=known.device)
    owner = await confirm(
        platform, await halfway(platform, now=later, origin=origin), code, now=later, origin=origin
    )

    assert isinstance(stranger, Throttled)
    assert isinstance(owner, LoggedInAnew)


async def test_the_password_empties_no_bucket_of_second_factors(platform: PlatformSession) -> None:
    _, authenticator, _ = await with_totp(platform)
    now = NOON + timedelta(minutes=10)
    known = await confirm(platform, await halfway(platform, now=now), authenticator.at(now), now=now)
    assert isinstance(known, LoggedInAnew)
    origin = replace(HOME, device=known.device)

    guesses = [
        await confirm(
            platform, await halfway(platform, now=now, origin=origin), "wrong", now=now, origin=origin
        )
        for _ in range(LIMITS[Kind.DEVICE_FACTOR].failures_max + 1)
    ]

    assert guesses[:-1] == [Refused()] * LIMITS[Kind.DEVICE_FACTOR].failures_max
    assert isinstance(guesses[-1], Throttled)


async def test_a_browser_that_showed_no_second_factor_is_a_strangers_to_it(platform: PlatformSession) -> None:
    early = (await logged_in(platform)).device  # before there was an authenticator
    await with_totp(platform)
    link, now = await _operators_link(platform), NOON + timedelta(minutes=1)
    reset = await passwords.reset_password(platform, VAULT, link, PASSWORD, origin=HOME, now=now)
    assert isinstance(reset, PasswordSet)
    origins = [replace(HOME, device=early), replace(HOME, device=reset.device)]

    guesses = [
        await confirm(
            platform, await halfway(platform, now=now, origin=origin), "wrong", now=now, origin=origin
        )
        for origin in origins * LIMITS[Kind.FACTOR].failures_max
    ]

    allowed = LIMITS[Kind.FACTOR].failures_max
    assert guesses[:allowed] == [Refused()] * allowed
    assert all(isinstance(guess, Throttled) for guess in guesses[allowed:])


async def test_setting_up_an_authenticator_makes_the_other_sessions_show_a_code(
    platform: PlatformSession,
) -> None:
    other = (await logged_in(platform)).token

    token, authenticator, _ = await with_totp(platform)

    assert await logins.session_of(platform, token, now=NOON) is not None
    assert await logins.session_of(platform, other, now=NOON) is None
    now = NOON + timedelta(seconds=30)
    assert isinstance(await confirm(platform, other, authenticator.at(now), now=now), LoggedInAnew)


async def test_an_authenticator_is_taken_away_only_with_a_code(platform: PlatformSession) -> None:
    token, authenticator, _ = await with_totp(platform)
    now = NOON + timedelta(minutes=1)
    with pytest.raises(TotpAlreadyOn):
        await second_factors.begin_totp(platform, VAULT, token, now=now)

    wrong = await second_factors.remove_totp(platform, VAULT, FactorAttempt(token, "000000", HOME), now=now)
    right = FactorAttempt(token, authenticator.at(now), HOME)
    removed = await second_factors.remove_totp(platform, VAULT, right, now=now)

    assert wrong == Refused()
    assert removed == TotpRemoved()
    assert isinstance(await log_in(platform, now=now), LoggedInAnew)


async def test_an_authenticator_that_was_taken_away_is_not_offered_again(platform: PlatformSession) -> None:
    token, authenticator, _ = await with_totp(platform)
    now = NOON + timedelta(minutes=1)
    shown = FactorAttempt(token, authenticator.at(now), HOME)
    assert await second_factors.remove_totp(platform, VAULT, shown, now=now) == TotpRemoved()

    anew = await second_factors.begin_totp(platform, VAULT, token, now=now)

    assert anew is not None
    assert anew.secret != authenticator.secret


async def test_new_recovery_codes_replace_the_old_ones(platform: PlatformSession) -> None:
    token, authenticator, codes = await with_totp(platform)
    now = NOON + timedelta(minutes=1)

    shown = FactorAttempt(token, authenticator.at(now), HOME)
    anew = await second_factors.new_recovery_codes(platform, VAULT, shown, now=now)

    assert isinstance(anew, RecoveryCodes)
    assert await confirm(platform, await halfway(platform, now=now), codes.codes[0], now=now) == Refused()
    last = await confirm(platform, await halfway(platform, now=now), anew.codes[0], now=now)
    assert isinstance(last, LoggedInAnew)


async def test_the_seed_is_sealed_for_this_person(platform: PlatformSession) -> None:
    token = (await logged_in(platform)).token
    enrolment = await second_factors.begin_totp(platform, VAULT, token, now=NOON)
    again = await second_factors.begin_totp(platform, VAULT, token, now=NOON)

    assert enrolment is not None
    assert enrolment == again
    assert enrolment.uri.startswith("otpauth://totp/Rooted:ada%40harbour.test?")
    assert isinstance(await log_in(platform), LoggedInAnew), "an authenticator counts once it is confirmed"
    shown = FactorAttempt(token, TOTP(enrolment.secret).at(NOON), HOME)
    assert isinstance(await second_factors.confirm_totp(platform, VAULT, shown, now=NOON), RecoveryCodes)
    row = await platform.db.scalar(select(PersonRecord).where(PersonRecord.email == EMAIL))
    assert row is not None
    assert row.sealed_totp_seed is not None
    seed = VAULT.open(row.sealed_totp_seed, place_of_seed(PersonId(row.id)))
    assert factors.secret_of(seed) == enrolment.secret
    assert seed not in row.sealed_totp_seed


async def test_what_one_browser_was_shown_is_not_what_another_sets_up(platform: PlatformSession) -> None:
    """Whoever got in before the owner set up an authenticator must not have seen its secret."""
    seen, own = (await logged_in(platform)).token, (await logged_in(platform)).token
    before = await second_factors.begin_totp(platform, VAULT, seen, now=NOON)
    enrolment = await second_factors.begin_totp(platform, VAULT, own, now=NOON)
    assert before is not None
    assert enrolment is not None

    foreign = FactorAttempt(own, TOTP(before.secret).at(NOON), HOME)
    refused = await second_factors.confirm_totp(platform, VAULT, foreign, now=NOON)
    shown = FactorAttempt(own, TOTP(enrolment.secret).at(NOON), HOME)
    codes = await second_factors.confirm_totp(platform, VAULT, shown, now=NOON)

    assert before != enrolment
    assert refused == Refused()
    assert isinstance(codes, RecoveryCodes)
    later = NOON + timedelta(minutes=1)
    code = TOTP(before.secret).at(later)
    assert await confirm(platform, await halfway(platform, now=later), code, now=later) == Refused()


async def test_a_forgotten_password_is_set_anew_by_a_link_once(
    platform: PlatformSession, sessions: Sessions, tenant: Tenant, member: MemberId
) -> None:
    before = (await logged_in(platform)).token
    link = await _operators_link(platform)
    now, chosen = NOON + timedelta(minutes=1), "quiet water under the bridge"

    person = await passwords.resettable(platform, link, now=now)
    with pytest.raises(PasswordUnfit):
        await passwords.reset_password(platform, VAULT, link, "short", origin=HOME, now=now)
    done = await passwords.reset_password(platform, VAULT, link, chosen, origin=HOME, now=now)
    again = await passwords.reset_password(platform, VAULT, link, PASSWORD, origin=HOME, now=now)

    assert person is not None
    assert isinstance(done, PasswordSet)
    assert again == Ended()
    assert await logins.session_of(platform, before, now=now) is None
    assert await log_in(platform, now=now) == Refused()
    assert isinstance(await log_in(platform, password=chosen, now=now), LoggedInAnew)
    assert await _tokens_valid_from(sessions, tenant, member) == now


async def test_a_link_for_a_password_ends(platform: PlatformSession) -> None:
    link = await _operators_link(platform)
    late = NOON + timedelta(days=1)

    assert await passwords.resettable(platform, link, now=late) is None
    outcome = await passwords.reset_password(platform, VAULT, link, PASSWORD, origin=HOME, now=late)
    assert outcome == Ended()


@pytest.mark.parametrize("clears_totp", [False, True])
async def test_a_reset_leaves_the_authenticator_unless_the_operator_says_otherwise(
    platform: PlatformSession, *, clears_totp: bool
) -> None:
    await with_totp(platform)
    link = await _operators_link(platform, clears_totp=clears_totp)
    now = NOON + timedelta(minutes=1)

    await passwords.reset_password(platform, VAULT, link, PASSWORD, origin=HOME, now=now)

    outcome = await log_in(platform, now=now)
    assert isinstance(outcome, LoggedInAnew if clears_totp else FactorNeeded)


async def test_a_reset_opens_a_way_past_a_full_bucket(platform: PlatformSession) -> None:
    for number in range(LIMITS[Kind.ACCOUNT].failures_max):
        attacker = Origin(address=f"198.51.100.{number}")
        await log_in(platform, password="wrong", origin=attacker)  # noqa: S106 - wrong
    link = await _operators_link(platform)
    done = await passwords.reset_password(platform, VAULT, link, PASSWORD, origin=HOME, now=NOON)
    assert isinstance(done, PasswordSet)

    assert isinstance(await log_in(platform, origin=HOME), Throttled)
    assert isinstance(await log_in(platform, origin=replace(HOME, device=done.device)), LoggedInAnew)


async def test_asking_for_a_link_is_answered_alike_whether_or_not_there_is_an_account(
    platform: PlatformSession, sessions: Sessions
) -> None:
    answers = [
        await passwords.request_reset(platform, email, HOME, now=NOON)
        for email in (EMAIL, "nobody@harbour.test", "not an address", "\ud800")
    ]
    await platform.db.flush()

    assert answers == [None] * 4
    links = await _links(sessions, platform)
    assert links == 1
    for _ in range(LIMITS[Kind.RESET_ACCOUNT].failures_max - 1):
        assert await passwords.request_reset(platform, EMAIL, HOME, now=NOON) is None
    assert isinstance(await passwords.request_reset(platform, EMAIL, HOME, now=NOON), Throttled)


async def test_the_link_that_was_asked_for_comes_by_mail_and_sets_the_password(
    platform: PlatformSession, sessions: Sessions
) -> None:
    await passwords.request_reset(platform, EMAIL, HOME, now=NOON)
    await platform.db.flush()
    await drive.run_errands(Errands(sessions, MovableClock(NOON), VAULT, "http://rooted.test"))

    sent = await platform.db.scalar(select(MailRow).where(MailRow.subject == "Set a new password"))
    assert sent is not None
    body = VAULT.open(sent.sealed_body or b"", Place(None, "mail", "sealed_body", sent.id)).decode()
    (link,) = [line for line in body.splitlines() if line.startswith("http://rooted.test/")]
    done = await passwords.reset_password(
        platform, VAULT, link.rpartition("/")[2], "quiet water under the bridge", origin=HOME, now=NOON
    )

    assert sent.recipient == EMAIL
    assert isinstance(done, PasswordSet)


async def test_a_password_is_computed_anew_when_the_parameters_have_changed(
    platform: PlatformSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    stronger = PasswordHasher(time_cost=2, memory_cost=16, parallelism=1)
    monkeypatch.setattr("service.people.hashing._hasher", stronger)

    first = await log_in(platform)
    kept = await platform.db.scalar(select(PersonRecord.password_hash).where(PersonRecord.email == EMAIL))
    second = await log_in(platform)

    assert isinstance(first, LoggedInAnew)
    assert isinstance(second, LoggedInAnew)
    assert kept is not None
    assert not stronger.check_needs_rehash(kept)


async def test_a_password_is_changed_by_who_knows_it(platform: PlatformSession) -> None:
    mine, other = (await logged_in(platform)).token, (await logged_in(platform)).token
    now, chosen = NOON + timedelta(minutes=1), "quiet water under the bridge"

    wrong = await passwords.change_password(
        platform, VAULT, PasswordChange(mine, "wrong", chosen, HOME), now=now
    )
    right = PasswordChange(mine, PASSWORD, chosen, HOME)
    changed = await passwords.change_password(platform, VAULT, right, now=now)

    assert wrong == Refused()
    assert isinstance(changed, PasswordSet)
    assert await logins.session_of(platform, mine, now=now) is not None
    assert await logins.session_of(platform, other, now=now) is None
    assert isinstance(await log_in(platform, password=chosen, now=now), LoggedInAnew)


async def test_log_ins_reach_the_audit_trail_of_each_tenant_once(
    sessions: Sessions, tenant: Tenant, member: MemberId
) -> None:
    async with platform_transaction(sessions) as platform:
        await log_in(platform, password="wrong")  # noqa: S106 - wrong
        await log_in(platform, email="nobody@harbour.test")
        await log_in(platform)
    errands = Errands(sessions, MovableClock(NOON), VAULT, "http://rooted.test")

    await drive.run_errands(errands)
    done_again = await drive.run_errands(errands)

    assert done_again == 0
    async with tenant_transaction(sessions, tenant.id) as session:
        found = await session.db.scalars(
            select(AuditRecordRow)
            .where(AuditRecordRow.tenant_id == tenant.id, AuditRecordRow.action.like("person.%"))
            .order_by(AuditRecordRow.id)
        )
        records = [(row.action, row.actor, row.subject, row.address) for row in found]
        left = await session.db.scalar(select(func.count()).select_from(LoginDeedRecord))
    subject = f"member:{member}"
    assert records == [
        ("person.logged_in", subject, subject, HOME.address),
        ("person.log_in_refused", "anonymous", subject, HOME.address),
        ("person.logged_in", subject, subject, HOME.address),
    ]
    assert left == 0


async def test_what_does_not_count_any_more_is_forgotten(
    platform: PlatformSession, sessions: Sessions
) -> None:
    await logged_in(platform)
    await _operators_link(platform)
    await log_in(platform, password="wrong")  # noqa: S106 - wrong

    await service.tidy_log_in(platform, now=NOON, lifetimes=logins.LIFETIMES)
    kept = [await _count(platform, LoginSessionRecord), await _count(platform, PasswordResetRecord)]
    later = NOON + timedelta(days=2)
    await service.tidy_log_in(platform, now=later, lifetimes=logins.LIFETIMES)

    assert kept == [2, 1]
    assert await _count(platform, LoginSessionRecord) == 0
    assert await _count(platform, PasswordResetRecord) == 0
    assert sessions


@pytest.mark.concurrent
async def test_of_many_attempts_at_once_no_more_than_the_limit_are_looked_at(own_sessions: Sessions) -> None:
    tenant = await factories.tenant(own_sessions)
    await joined(own_sessions, tenant)

    async def attempt() -> logins.LogInOutcome:
        async with platform_transaction(own_sessions) as platform:
            return await log_in(platform, password="wrong", origin=ELSEWHERE)  # noqa: S106 - wrong

    outcomes = await asyncio.gather(*(attempt() for _ in range(12)))

    assert [type(each) for each in outcomes].count(Refused) == LIMITS[Kind.PAIR].failures_max


@pytest.mark.concurrent
async def test_a_code_shown_twice_at_once_counts_once(own_sessions: Sessions) -> None:
    await joined(own_sessions, await factories.tenant(own_sessions))
    now = NOON + timedelta(minutes=1)
    async with platform_transaction(own_sessions) as platform:
        _, authenticator, _ = await with_totp(platform)
        tokens = [await halfway(platform, now=now) for _ in range(4)]

    async def show(token: str) -> logins.FactorOutcome:
        async with platform_transaction(own_sessions) as platform:
            return await confirm(platform, token, authenticator.at(now), now=now)

    outcomes = await asyncio.gather(*(show(token) for token in tokens))

    assert [type(each) for each in outcomes].count(LoggedInAnew) == 1


async def _operators_link(platform: PlatformSession, *, clears_totp: bool = False) -> str:
    link = await passwords.operators_reset(
        platform, EMAIL, clears_totp=clears_totp, issuer="http://rooted.test", now=NOON
    )
    assert link.url.startswith("http://rooted.test/password-reset/")
    return link.url.rpartition("/")[2]


async def _links(sessions: Sessions, platform: PlatformSession) -> int:
    """How many links are made of what was asked for."""
    while await passwords.send_requested(sessions, VAULT, issuer="http://rooted.test", now=NOON):
        pass
    return await _count(platform, PasswordResetRecord)


async def _count(platform: PlatformSession, row: type[LoginSessionRecord | PasswordResetRecord]) -> int:
    return (await platform.db.execute(select(func.count()).select_from(row))).scalar_one()


async def _tokens_valid_from(sessions: Sessions, tenant: Tenant, member: MemberId) -> datetime:
    async with tenant_transaction(sessions, tenant.id) as session:
        standing = await service.standing(session, member)
    assert standing is not None
    return standing.tokens_valid_from


async def _second_admin(session: TenantSession) -> None:
    invitee = Invitee("grace@harbour.test", "Grace Hopper", (Role.ADMIN,))
    invited = await invitations.invite(session, factories.OPERATOR, invitee, DELIVERY, now=NOON)
    acceptance = Acceptance("Grace Hopper", PASSWORD, HOME)
    secret = factories.secret_of(invited.link.url)
    await invitations.accept_invitation(session, VAULT, secret, acceptance, now=NOON)
