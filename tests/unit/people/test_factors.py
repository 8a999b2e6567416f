"""Codes of authenticators, recovery codes, device cookies, addresses and links."""

import secrets
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyotp.totp import TOTP

from service.ids import MemberId, PersonId, TenantId, new_id
from service.people.domain import factors
from service.people.domain.accounts import (
    DEVICE_TTL,
    NONCE_BYTES,
    faults_of_email,
    invitation_path,
    known_form,
    nonce_of_device,
    normal_email,
    read_invitation,
    signed_device,
    tokens_begin_at,
    tokens_end_at,
)
from service.people.domain.members import (
    Member,
    MemberState,
    Role,
    faults_of_roles,
    in_order,
    is_last_admin,
    state_once_reactivated,
)
from service.people.domain.sessions import Factor, Lifetimes, Times, is_halfway, is_live
from tests.factories import NOON

SEED = bytes(range(20))
STEP = timedelta(seconds=30)
NAIVE = NOON.replace(tzinfo=None)
MOMENTS = st.datetimes(NAIVE, NAIVE + timedelta(days=30_000), timezones=st.just(UTC))
ADA, GRACE = PersonId(new_id()), PersonId(new_id())


def _code(at: datetime) -> str:
    return TOTP(factors.secret_of(SEED)).at(at)


@given(MOMENTS, st.integers(min_value=-5, max_value=5))
def test_a_code_counts_one_step_before_and_after_its_own(now: datetime, off: int) -> None:
    code = _code(now + off * STEP)
    near = {_code(now + near * STEP) for near in (-1, 0, 1)}

    assert (factors.step_of(SEED, code, now, None) is not None) is (code in near)


@given(MOMENTS, st.integers(min_value=-1, max_value=1), st.integers(min_value=-3, max_value=3))
def test_no_step_up_to_the_one_that_was_used_counts_again(now: datetime, off: int, used: int) -> None:
    step = factors.step_of(SEED, _code(now + off * STEP), now, None)
    assert step is not None

    again = factors.step_of(SEED, _code(now + off * STEP), now, step + used)

    assert again == (step if used < 0 else None)


@pytest.mark.parametrize("code", ["", "12345", "1234567", "12345a", "\uff11" * 6, "\u0661" * 6, "x" * 10_000])
def test_what_is_no_code_is_wrong(code: str) -> None:
    assert factors.step_of(SEED, code, NOON, None) is None


def test_a_code_may_be_typed_with_spaces() -> None:
    code = _code(NOON)
    assert factors.step_of(SEED, f" {code[:3]} {code[3:]} ", NOON, None) is not None


@given(st.binary(min_size=factors.RECOVERY_CODE_BYTES, max_size=factors.RECOVERY_CODE_BYTES))
def test_a_recovery_code_is_known_however_it_is_typed_and_for_one_person(random: bytes) -> None:
    code = factors.recovery_code(random)
    kept = factors.recovery_digest(ADA, code)

    assert [len(part) for part in code.split("-")] == [4] * 4
    assert factors.recovery_digest(ADA, code.lower().replace("-", " ")) == kept
    assert factors.recovery_digest(GRACE, code) != kept


def test_a_device_cookie_is_known_by_any_of_our_keys_for_its_person_and_its_time() -> None:
    nonce, key, older = secrets.token_bytes(NONCE_BYTES), b"k" * 32, b"o" * 32
    signed = signed_device(ADA, nonce, older, NOON)

    assert nonce_of_device(signed, ADA, (key, older), NOON) == nonce
    assert nonce_of_device(signed, ADA, (key,), NOON) is None
    assert nonce_of_device(signed, GRACE, (key, older), NOON) is None
    assert nonce_of_device(signed, ADA, (older,), NOON + DEVICE_TTL) == nonce
    assert nonce_of_device(signed, ADA, (older,), NOON + DEVICE_TTL + timedelta(seconds=1)) is None


@given(st.integers(min_value=0), st.integers(min_value=1, max_value=255))
def test_a_device_cookie_that_was_changed_is_none(place: int, change: int) -> None:
    signed = bytearray(signed_device(ADA, b"n" * NONCE_BYTES, b"k" * 32, NOON))
    signed[place % len(signed)] ^= change

    assert nonce_of_device(bytes(signed), ADA, (b"k" * 32,), NOON) is None


@given(st.binary(max_size=100))
def test_what_is_no_device_cookie_is_none(garbage: bytes) -> None:
    assert nonce_of_device(garbage, ADA, (b"k" * 32,), NOON) is None


@given(st.text(max_size=60))
def test_an_address_is_written_in_one_way(text: str) -> None:
    once = normal_email(text)

    assert normal_email(once) == once
    assert known_form(text) in {once, ""}
    assert (known_form(text) == "") is bool(faults_of_email(once))


def test_addresses_that_differ_in_case_or_space_are_one() -> None:
    assert known_form(" Ada@Harbour.TEST ") == "ada@harbour.test"


@pytest.mark.parametrize(
    "text",
    [
        "ada@straße.test",
        "straße@harbour.test",
        "ada@\u212aarbour.test",
        "a\u017fa@x.test",
        "o\ufb03ce@x.test",
    ],
)
def test_an_address_is_not_made_that_of_somebody_else(text: str) -> None:
    assert known_form(text) == ""
    assert faults_of_email(normal_email(text))


@given(st.uuids(), st.text(alphabet="abcXYZ019_-", min_size=1, max_size=43))
def test_an_invitation_is_read_back_from_its_path(tenant: TenantId, secret: str) -> None:
    assert read_invitation(invitation_path(tenant, secret).rpartition("/")[2]) == (tenant, secret)


@pytest.mark.parametrize("text", ["", ".", "x.y", "0" * 32, "0" * 32 + ".", "g" * 32 + ".x", "0" * 31 + ".x"])
def test_what_is_no_invitation_is_none(text: str) -> None:
    assert read_invitation(text) is None


@given(MOMENTS)
def test_tokens_from_before_end_and_those_from_after_the_second_count(now: datetime) -> None:
    end, begin = tokens_end_at(now), tokens_begin_at(now)

    assert now <= end < now + timedelta(seconds=1)
    assert now - timedelta(seconds=1) < begin <= now
    assert end.microsecond == begin.microsecond == 0


@pytest.mark.parametrize(
    ("seen", "expires", "revoked", "live"),
    [
        (timedelta(0), timedelta(hours=1), None, True),
        (timedelta(minutes=-59), timedelta(hours=1), None, True),
        (timedelta(hours=-1), timedelta(hours=1), None, False),
        (timedelta(0), timedelta(0), None, False),
        (timedelta(0), timedelta(hours=1), NOON, False),
    ],
)
def test_a_session_lives_until_it_is_old_idle_or_ended(
    seen: timedelta, expires: timedelta, revoked: datetime | None, *, live: bool
) -> None:
    assert is_live(Times(NOON + seen, NOON + expires, revoked), Lifetimes(), NOON) is live


@given(MOMENTS, MOMENTS, MOMENTS, MOMENTS)
def test_a_session_that_ended_does_not_live_again(
    seen: datetime, expires: datetime, now: datetime, later: datetime
) -> None:
    times = Times(seen, expires, None)
    if not is_live(times, Lifetimes(), min(now, later)):
        assert not is_live(times, Lifetimes(), max(now, later))


@pytest.mark.parametrize(
    ("shown", "has_totp", "halfway"),
    [
        ((Factor.PASSWORD,), False, False),
        ((Factor.PASSWORD,), True, True),
        ((Factor.PASSWORD, Factor.TOTP), True, False),
        ((Factor.PASSWORD, Factor.RECOVERY), True, False),
    ],
)
def test_a_session_is_halfway_until_the_second_factor_is_shown(
    shown: tuple[Factor, ...], *, has_totp: bool, halfway: bool
) -> None:
    assert is_halfway(shown, has_totp=has_totp) is halfway


def _member(*roles: Role, state: MemberState, joined: bool = True) -> Member:
    return Member(
        id=MemberId(new_id()),
        person_id=ADA if joined else None,
        email="ada@harbour.test",
        name="Ada",
        roles=frozenset(roles),
        state=state,
        version=1,
        created_at=NOON,
    )


@given(st.sets(st.sampled_from(Role)), st.sampled_from(MemberState), st.integers(min_value=0, max_value=3))
def test_only_an_active_admin_without_another_is_the_last(
    roles: set[Role], state: MemberState, others: int
) -> None:
    last = is_last_admin(_member(*roles, state=state), other_admins=others)

    assert last is (state is MemberState.ACTIVE and Role.ADMIN in roles and others == 0)


def test_who_never_accepted_is_invited_again_and_not_active() -> None:
    gone = MemberState.DEACTIVATED
    assert state_once_reactivated(_member(state=gone)) is MemberState.ACTIVE
    assert state_once_reactivated(_member(state=gone, joined=False)) is MemberState.INVITED


@given(st.lists(st.sampled_from([*Role, "owner", ""])))
def test_roles_are_known_ones_and_at_least_one(roles: list[str]) -> None:
    faults = faults_of_roles(roles)

    assert bool(faults) is (not roles or not set(roles) <= set(Role))
    if not faults:
        assert in_order([Role(role) for role in roles]) == [role for role in Role if role in roles]
