"""Forms that only our own pages can send."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.api.pages import forgery

OWN = "https://rooted.example"
SECRETS = st.text(min_size=1, max_size=60)


@given(secret=SECRETS, other=SECRETS)
def test_a_token_counts_for_the_browser_that_it_was_made_for_and_for_no_other(
    secret: str, other: str
) -> None:
    token = forgery.form_token(secret)
    assert forgery.is_genuine(secret, token)
    assert forgery.is_genuine(other, token) is (secret == other)


@given(secret=SECRETS, guess=st.text(max_size=60))
def test_no_guess_counts_and_the_secret_itself_is_none(secret: str, guess: str) -> None:
    assert not forgery.is_genuine(secret, guess)
    assert not forgery.is_genuine(secret, secret)
    assert secret not in forgery.form_token(secret) or len(secret) < 4


@pytest.mark.parametrize(("secret", "token"), [(None, "x"), ("", "x"), ("x", None), ("x", ""), (None, None)])
def test_without_a_secret_or_a_token_there_is_nothing_to_believe(
    secret: str | None, token: str | None
) -> None:
    assert not forgery.is_genuine(secret, token)


def test_the_token_of_an_empty_secret_does_not_count() -> None:
    assert not forgery.is_genuine("", forgery.form_token(""))


@pytest.mark.parametrize(
    ("site", "origin", "is_from_here"),
    [
        ("same-origin", OWN, True),
        ("same-origin", "null", True),
        ("same-origin", None, True),
        ("none", None, True),
        (None, None, True),
        (None, OWN, True),
        (None, "null", True),
        ("cross-site", None, False),
        ("cross-site", OWN, False),
        ("same-site", OWN, False),
        ("cross-site", "null", False),
        (None, "https://evil.example", False),
        ("same-origin", "https://evil.example", False),
        (None, "http://rooted.example", False),
        (None, "https://rooted.example:8443", False),
        (None, "https://rooted.example.evil.example", False),
        ("", OWN, False),
    ],
)
def test_a_browser_that_says_a_form_comes_from_elsewhere_is_believed(
    site: str | None, origin: str | None, *, is_from_here: bool
) -> None:
    assert forgery.is_from_here(site, origin, own_origin=OWN) is is_from_here
