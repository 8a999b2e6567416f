"""The limits are data that can be trusted: their names, their ranges, and the problems that they lead to."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.api import problems
from service.limits import errors
from service.limits.domain.table import DEFAULTS, LIMITS, Limit, Limits, Unit, is_allowed

EVERY = pytest.mark.parametrize("limit", LIMITS.values(), ids=lambda limit: limit.name)


@EVERY
def test_a_limits_default_is_one_that_an_operator_could_give(limit: Limit) -> None:
    assert is_allowed(limit, limit.default)
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", limit.name)


@EVERY
def test_a_limits_problem_is_one_that_the_api_knows(limit: Limit) -> None:
    assert limit.problem in problems.concrete_errors()


@EVERY
def test_what_is_counted_has_a_problem_of_its_own_that_names_limit_value_and_remedy(limit: Limit) -> None:
    if limit.unit is not Unit.ITEMS or limit.name == "rules_per_policy":
        return
    error = errors.EXCEEDED[limit.problem](limit, 7)

    assert problems.status_of(type(error)) == 409
    assert all(part in str(error) for part in (limit.name, "7", "ask the operator"))


@given(values=st.dictionaries(st.sampled_from(sorted(LIMITS)), st.integers(0, 10**9)))
def test_a_tenants_own_value_stands_and_the_default_where_it_has_none(values: dict[str, int]) -> None:
    limits = Limits(values)

    for name, limit in LIMITS.items():
        assert limits.of(limit) == values.get(name, DEFAULTS[name])


@given(limit=st.sampled_from(sorted(LIMITS.values(), key=lambda limit: limit.name)), value=st.integers())
def test_only_values_between_least_and_most_may_be_given(limit: Limit, value: int) -> None:
    assert is_allowed(limit, value) == (value in range(limit.least, limit.most + 1))
