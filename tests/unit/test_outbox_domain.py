import base64
import hashlib
import hmac
from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.ids import ClientId
from service.outbox.domain import deliveries, events
from service.outbox.domain.deliveries import DeliveryState
from service.outbox.domain.events import EVENT_TYPES, Audience, Interest

OURS, THEIRS = ClientId(UUID(int=1)), ClientId(UUID(int=2))
ATTEMPTS_MAX = len(deliveries.RETRY_DELAYS) + 1


@pytest.mark.parametrize(
    ("attempts", "delay"),
    [
        (1, timedelta(seconds=5)),
        (2, timedelta(minutes=5)),
        (3, timedelta(minutes=30)),
        (7, timedelta(hours=14)),
        (8, None),
        (100, None),
    ],
)
def test_a_delivery_is_tried_again_after_growing_delays_and_not_for_ever(
    attempts: int, delay: timedelta | None
) -> None:
    assert deliveries.retry_delay(attempts) == delay


def test_no_attempt_cannot_have_failed() -> None:
    with pytest.raises(ValueError, match="0 attempts"):
        deliveries.retry_delay(0)


@given(attempts=st.integers(1, ATTEMPTS_MAX - 2))
def test_delays_grow(attempts: int) -> None:
    earlier, later = deliveries.retry_delay(attempts), deliveries.retry_delay(attempts + 1)

    assert earlier is not None
    assert later is not None
    assert earlier < later


@given(attempts=st.integers(1, 2 * ATTEMPTS_MAX), succeeded=st.booleans())
def test_a_delivery_is_pending_exactly_as_long_as_another_attempt_follows(
    attempts: int, *, succeeded: bool
) -> None:
    state = deliveries.state_after(attempts, succeeded=succeeded)

    follows = not succeeded and deliveries.retry_delay(attempts) is not None
    assert (state is DeliveryState.PENDING) is follows
    assert (state is DeliveryState.DELIVERED) is succeeded


@pytest.mark.parametrize(
    ("status", "success"), [(199, False), (200, True), (204, True), (299, True), (301, False), (410, False)]
)
def test_only_2xx_is_success(status: int, *, success: bool) -> None:
    assert deliveries.is_success(status) is success


def test_the_signature_is_that_of_the_example_which_standard_webhooks_publishes() -> None:
    signature = deliveries.signature(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        message_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        timestamp=1614265330,
        body=b'{"test": 2432232314}',
    )

    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@given(key=st.binary(min_size=24, max_size=64), message_id=st.uuids(), body=st.binary())
def test_a_receiver_that_knows_the_secret_finds_the_same_signature(
    key: bytes, message_id: UUID, body: bytes
) -> None:
    secret = deliveries.secret_of(key)
    signature = deliveries.signature(secret, message_id=str(message_id), timestamp=1_700_000_000, body=body)

    signed = f"{message_id}.1700000000.".encode() + body
    expected = hmac.new(base64.b64decode(secret[len("whsec_") :]), signed, hashlib.sha256).digest()
    assert signature == f"v1,{base64.b64encode(expected).decode()}"


@given(body=st.binary(), other=st.binary())
def test_another_body_has_another_signature(body: bytes, other: bytes) -> None:
    secret = deliveries.secret_of(b"k" * 32)
    signatures = {
        deliveries.signature(secret, message_id="m", timestamp=1, body=each) for each in {body, other}
    }

    assert len(signatures) == len({body, other})


@pytest.mark.parametrize(
    ("interest", "event_type", "client_id", "told"),
    [
        (Interest(None, ()), "commitment.warned", OURS, True),
        (Interest(None, ("commitment.kept",)), "commitment.warned", OURS, False),
        (Interest(None, ("commitment.warned",)), "commitment.warned", None, True),
        (Interest(OURS, ()), "commitment.kept", OURS, True),
        (Interest(OURS, ()), "commitment.kept", THEIRS, False),
        (Interest(OURS, ()), "commitment.kept", None, False),
        (Interest(OURS, ()), "commitment.warned", OURS, False),
        (Interest(OURS, ("commitment.warned",)), "commitment.warned", OURS, False),
    ],
)
def test_who_is_told(interest: Interest, event_type: str, client_id: ClientId | None, *, told: bool) -> None:
    assert events.concerns(interest, event_type, client_id) is told


@given(
    types=st.sets(st.sampled_from(sorted(EVENT_TYPES))),
    event_type=st.sampled_from(sorted(EVENT_TYPES)),
    client_id=st.sampled_from([None, OURS, THEIRS]),
)
def test_a_client_organization_is_told_no_more_than_the_tenant_and_nothing_of_others(
    types: set[str], event_type: str, client_id: ClientId | None
) -> None:
    if events.concerns(Interest(OURS, types), event_type, client_id):
        assert client_id == OURS
        assert EVENT_TYPES[event_type].audience is Audience.CLIENT
        assert events.concerns(Interest(None, types), event_type, client_id)


def test_unknown_types_are_named_with_their_place() -> None:
    faults = events.faults_of_types(("commitment.kept", "commitment.lost"))

    assert [fault.pointer for fault in faults] == ["/types/1"]
    assert "commitment.kept" in faults[0].detail
