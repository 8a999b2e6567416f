"""What may be sent, and when it is tried again."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.mail import domain
from service.mail.domain import ATTEMPTS_MAX, Mail
from tests.factories import NOON

LINE_BREAKS = "\r\n\v\f\x1c\x1d\x1e\x85\u2028\u2029"


@pytest.mark.parametrize(
    ("recipient", "subject", "body"),
    [
        ("ada@example.org\r\nBcc: eve@example.org", "Hello", "text"),
        ("ada@example.org, eve@example.org", "Hello", "text"),
        ("Ada <ada@example.org>", "Hello", "text"),
        ('"ada eve"@example.org', "Hello", "text"),
        ("ada@", "Hello", "text"),
        ("", "Hello", "text"),
        (f"{'a' * 64}@{'b' * 190}.org", "Hello", "text"),
        ("ada@example.org", "Hello\r\nBcc: eve@example.org", "text"),
        ("ada@example.org", "Hello\nthere", "text"),
        ("ada@example.org", "", "text"),
        ("ada@example.org", "s" * 201, "text"),
        ("ada@example.org", "Hello", ""),
        ("ada@example.org", "Hello", "te\0xt"),
    ],
)
def test_what_could_be_another_header_or_is_no_mail_is_refused(
    recipient: str, subject: str, body: str
) -> None:
    assert domain.complaint(Mail(recipient, subject, body)) is not None


@pytest.mark.parametrize("recipient", ["ada@example.org", "o'neil+x@mail.example.org", "root@localhost"])
def test_a_plain_address_may_be_written_to(recipient: str) -> None:
    assert domain.complaint(Mail(recipient, "Grüße aus Zürich", "Several\nlines.\n")) is None


@given(before=st.text(), after=st.text(), line_break=st.sampled_from(LINE_BREAKS))
def test_no_header_with_a_line_break_is_ever_taken(before: str, after: str, line_break: str) -> None:
    broken = before + line_break + after
    assert domain.complaint(Mail("ada@example.org", broken, "text")) is not None
    assert domain.complaint(Mail(f"ada@example.org{broken}", "Hello", "text")) is not None


@given(attempts=st.integers(1, ATTEMPTS_MAX - 1))
def test_each_failure_waits_longer_than_the_one_before_and_the_last_waits_no_more(attempts: int) -> None:
    this, after = domain.retry_at(attempts, NOON), domain.retry_at(attempts + 1, NOON)
    assert this is not None
    assert this > NOON
    assert after is None or after > this


def test_a_mail_is_given_up_after_a_bounded_number_of_attempts_within_hours() -> None:
    waits = [domain.retry_at(attempts, NOON) for attempts in range(1, ATTEMPTS_MAX + 1)]
    assert waits[-1] is None
    total = sum((wait - NOON for wait in waits if wait is not None), timedelta())
    assert timedelta(hours=3) < total < timedelta(hours=6)


@pytest.mark.parametrize("attempts", [0, -1])
def test_what_has_not_been_tried_cannot_have_failed(attempts: int) -> None:
    with pytest.raises(ValueError, match="cannot have failed"):
        domain.retry_at(attempts, NOON)


def test_a_body_is_not_shown_where_a_mail_is_printed() -> None:
    assert "secret" not in repr(Mail("ada@example.org", "Hello", "a secret link"))
