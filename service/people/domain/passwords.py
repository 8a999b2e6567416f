"""Which passwords are taken. As in NIST SP 800-63B: long ones that are no first guess, however composed."""

import itertools
import unicodedata

from service.errors import Fault

CHARACTERS_MIN = 12
CHARACTERS_MAX = 128
TYPED_CHARACTERS_MAX = 1_024
"""As typed: what is longer can have no form of CHARACTERS_MAX, and to look for one could take seconds."""

DISTINCT_MIN = 5
"""Below, it is a few characters over and over."""

RUN_MIN = 3
"""So many characters that repeat, or are neighbours in the alphabet or on a keyboard, make a run."""

OWN_WORD_CHARACTERS_MIN = 4
REST_CHARACTERS_MIN = 8
"""What must be left of a password once the words that anybody would try first are taken out of it."""

ROWS = (
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890",
    "qwertyuiop",
    "asdfghjkl",
    "zxcvbnm",
    "qwertzuiop",
    "azertyuiop",
)
FIRST_GUESSES = (
    "password",
    "passwort",
    "passw0rd",
    "p@ssw0rd",
    "letmein",
    "welcome",
    "changeme",
    "default",
    "secret",
    "administrator",
    "admin",
    "login",
    "iloveyou",
    "monkey",
    "dragon",
    "football",
    "sunshine",
    "princess",
    "master",
    "superman",
    "rooted",
    "service",
    "helpdesk",
    "ticket",
    "spring",
    "summer",
    "autumn",
    "winter",
)


def normal_password(password: str) -> str:
    """One way to write what looks the same, however a keyboard composes it.

    What is too long to be a password stays as it is: marks in a bad order are sorted in quadratic time.
    """
    if len(password) > TYPED_CHARACTERS_MAX:
        return password
    return unicodedata.normalize("NFKC", password)


def faults_of_password(password: str, *, email: str, name: str) -> list[Fault]:
    """Why this password is not taken, if it is not.

    Args:
        password: as it was typed.
        email: the account's address; its parts are first guesses.
        name: the person's name, likewise.
    """
    normal = normal_password(password)
    if not CHARACTERS_MIN <= len(normal) <= CHARACTERS_MAX:
        return [_fault(f"A password has {CHARACTERS_MIN} to {CHARACTERS_MAX} characters.")]
    plain = normal.casefold()
    if len(set(plain)) < DISTINCT_MIN:
        return [_fault("This password is a few characters over and over; choose a longer phrase.")]
    if _rest_without_runs(plain) < REST_CHARACTERS_MIN:
        return [_fault("This password is mostly a row of characters; choose a phrase instead.")]
    if len(_without(plain, _own_words(email, name))) < REST_CHARACTERS_MIN:
        return [_fault("This password is mostly your name or address; choose a phrase instead.")]
    if len(_without(plain, FIRST_GUESSES)) < REST_CHARACTERS_MIN:
        return [_fault("This password is among the first that are tried; choose a phrase instead.")]
    return []


def _fault(detail: str) -> Fault:
    return Fault("/password", detail)


def _own_words(email: str, name: str) -> list[str]:
    local, _, domain = email.casefold().partition("@")
    words = [
        email.casefold(),
        local,
        *local.replace("_", ".").replace("-", ".").split("."),
        *domain.split("."),
    ]
    words += [name.casefold(), name.casefold().replace(" ", ""), *name.casefold().split()]
    return sorted({word for word in words if len(word) >= OWN_WORD_CHARACTERS_MIN}, key=len, reverse=True)


def _without(plain: str, words: list[str] | tuple[str, ...]) -> str:
    for word in words:
        plain = plain.replace(word, "")
    return plain


def _rest_without_runs(plain: str) -> int:
    """How many characters are left when only the first two of a run count."""
    left, run = 1, 1
    for before, after in itertools.pairwise(plain):
        run = run + 1 if _follows(before, after) else 1
        left += run < RUN_MIN
    return left


def _follows(before: str, after: str) -> bool:
    """Is it the same character again, or its neighbour in a row, in either direction?"""
    pair = before + after
    return before == after or any(pair in row or pair[::-1] in row for row in ROWS)
