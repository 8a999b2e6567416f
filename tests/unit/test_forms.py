from typing import Literal

import msgspec
import pytest

from service import forms
from service.errors import Fault


class _Rule(msgspec.Struct):
    kind: Literal["a", "b"]


class _Form(msgspec.Struct):
    rules: list[_Rule]


CASES: list[tuple[dict[str, object], str]] = [
    ({}, "/document"),
    ({"rules": [{}]}, "/document/rules/0"),
    ({"rules": [{"kind": 1}]}, "/document/rules/0/kind"),
]


def _fault_of(content: object) -> Fault:
    with pytest.raises(msgspec.ValidationError) as refused:
        msgspec.convert(content, _Form)
    return forms.fault_of(refused.value, pointer="/document")


@pytest.mark.parametrize(("content", "pointer"), CASES)
def test_a_fault_points_at_its_place(content: object, pointer: str) -> None:
    assert _fault_of(content).pointer == pointer


def test_what_was_given_is_not_repeated_at_length() -> None:
    fault = _fault_of({"rules": [{"kind": "x" * 100_000}]})

    assert fault.pointer == "/document/rules/0/kind"
    assert len(fault.detail) <= forms.MESSAGE_LENGTH_MAX + 1
