"""When codes and refresh tokens count: tables of cases, and what holds whatever is presented when."""

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.api.oauth.granted import domain
from service.api.oauth.granted.domain import (
    CODE_TTL,
    GRACE,
    Code,
    CodeVerdict,
    Consent,
    Family,
    RefreshToken,
    RefreshVerdict,
)
from service.ids import ApplicationId, FamilyId, MemberId, TenantId
from tests.factories import NOON

MOMENT = timedelta(microseconds=1)
IDLE, LIFE = timedelta(days=7), timedelta(days=30)
TENANT = TenantId(uuid4())
CONSENT = Consent(
    application_id=ApplicationId(uuid4()),
    client="acme.0123",
    member_id=MemberId(uuid4()),
    scopes=frozenset({"requests:read"}),
)
CODE = Code(consent=CONSENT, redirect_uri="", challenge="", expires_at=NOON + CODE_TTL, family_id=None)
FAMILY = Family(
    id=FamilyId(uuid4()),
    consent=CONSENT,
    created_at=NOON,
    expires_at=NOON + LIFE,
    used_at=NOON,
    revoked_at=None,
)


@pytest.mark.parametrize(
    ("after", "is_exchanged", "verdict"),
    [
        (timedelta(0), False, CodeVerdict.GOOD),
        (CODE_TTL - MOMENT, False, CodeVerdict.GOOD),
        (CODE_TTL, False, CodeVerdict.EXPIRED),
        (timedelta(0), True, CodeVerdict.REPLAYED),
        (CODE_TTL, True, CodeVerdict.REPLAYED),
    ],
)
def test_a_code_counts_once_and_for_a_minute(
    after: timedelta, *, is_exchanged: bool, verdict: CodeVerdict
) -> None:
    code = replace(CODE, family_id=FAMILY.id if is_exchanged else None)
    assert domain.judge_code(code, NOON + after) is verdict


@pytest.mark.parametrize(
    ("token", "after", "verdict"),
    [
        (RefreshToken(0, 0, None), timedelta(0), RefreshVerdict.ROTATE),
        (RefreshToken(3, 3, None), IDLE - MOMENT, RefreshVerdict.ROTATE),
        (RefreshToken(3, 3, None), IDLE, RefreshVerdict.DEAD),
        (RefreshToken(2, 3, NOON), timedelta(0), RefreshVerdict.REPEAT),
        (RefreshToken(2, 3, NOON), GRACE, RefreshVerdict.REPEAT),
        (RefreshToken(2, 3, NOON), GRACE + MOMENT, RefreshVerdict.REUSED),
        (RefreshToken(1, 3, NOON), timedelta(0), RefreshVerdict.REUSED),
        (RefreshToken(2, 3, NOON), IDLE, RefreshVerdict.DEAD),
    ],
)
def test_a_refresh_token_counts_once_but_for_a_lost_answer(
    token: RefreshToken, after: timedelta, verdict: RefreshVerdict
) -> None:
    assert domain.judge_refresh(token, FAMILY, NOON + after, idle=IDLE) is verdict


def test_nothing_of_a_family_counts_that_was_revoked_or_has_ended() -> None:
    newest = RefreshToken(3, 3, None)
    revoked, old = replace(FAMILY, revoked_at=NOON), replace(FAMILY, used_at=NOON + LIFE)
    assert domain.judge_refresh(newest, revoked, NOON, idle=IDLE) is RefreshVerdict.DEAD
    assert domain.judge_refresh(newest, old, NOON + LIFE, idle=IDLE) is RefreshVerdict.DEAD


class _Kept:
    """A family and its tokens as the store keeps them."""

    def __init__(self) -> None:
        self.family = FAMILY
        self.used_at: list[datetime | None] = [None]

    def present(self, generation: int, now: datetime) -> RefreshVerdict:
        token = RefreshToken(generation, len(self.used_at) - 1, self.used_at[generation])
        verdict = domain.judge_refresh(token, self.family, now, idle=IDLE)
        if verdict is RefreshVerdict.ROTATE:
            self.used_at[generation] = now
            self.used_at.append(None)
            self.family = replace(self.family, used_at=now)
        if verdict is RefreshVerdict.REUSED:
            self.family = replace(self.family, revoked_at=now)
        return verdict


STEPS = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 10).map(lambda seconds: timedelta(seconds=seconds))),
    max_size=30,
)


@given(steps=STEPS)
def test_however_tokens_are_presented_there_is_one_chain_and_no_life_after_a_reuse(
    steps: list[tuple[int, timedelta]],
) -> None:
    kept, now, rotated, has_ended = _Kept(), NOON, set[int](), False
    for back, passed in steps:
        now += passed
        newest = len(kept.used_at) - 1
        generation = max(0, newest - back)

        verdict = kept.present(generation, now)

        assert not has_ended or verdict is RefreshVerdict.DEAD
        if verdict is RefreshVerdict.ROTATE:
            assert generation == newest
            assert generation not in rotated
            rotated.add(generation)
        if verdict is RefreshVerdict.REPEAT:
            assert generation == newest - 1
        has_ended = has_ended or verdict is RefreshVerdict.REUSED


@given(random=st.binary(min_size=32, max_size=32), secret=st.binary(min_size=32, max_size=32))
def test_a_successor_is_of_the_same_tenant_and_always_the_same(random: bytes, secret: bytes) -> None:
    first = domain.ticket(TENANT, random)
    second = domain.successor(first, TENANT, secret)

    assert domain.tenant_of(first) == domain.tenant_of(second) == TENANT
    assert second == domain.successor(first, TENANT, secret)
    assert len({first, second, domain.successor(second, TENANT, secret)}) == 3
    assert second != domain.successor(first, TENANT, secret[::-1] + b"x")


@given(text=st.text(max_size=100))
def test_nothing_else_has_a_tenant(text: str) -> None:
    assert domain.tenant_of(text) is None


@pytest.mark.parametrize(
    "presented",
    [
        "",
        ".",
        "0" * 32 + ".",
        "A" * 32 + "." + "a" * 43,
        "0" * 32 + "." + "a" * 42,
        "0" * 31 + "." + "a" * 43,
    ],
)
def test_what_is_no_ticket_of_ours_has_no_tenant(presented: str) -> None:
    assert domain.tenant_of(presented) is None
