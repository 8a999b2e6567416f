"""What a source says of a request, and when it may have happened. Pure."""

from datetime import datetime, timedelta
from typing import Any, TypeAlias, cast

from service import instants
from service.errors import Fault, pointer_to
from service.instants import rfc3339
from service.rules.vocabulary import GIVEN_BY_SOURCE

AHEAD_MAX = timedelta(minutes=5)
"""How far ahead of the tenant's clock something may be said to have happened."""
BACKDATED_AFTER = timedelta(days=1)
"""How old a report may be before it needs the scope `requests:backdate`; it is flagged in any case."""

Facts: TypeAlias = dict[str, Any]
"""JSON, as its source wrote it."""


def merged(facts: Facts, patch: Facts) -> Facts:
    """The facts with the patch laid over them; `custom` is merged name by name, null takes a fact away."""
    result: Facts = {key: value for key, value in (facts | patch).items() if value is not None}
    changes = patch.get("custom")
    if isinstance(changes, dict):
        result["custom"] = merged(facts.get("custom") or {}, cast("Facts", changes))
    return result


def news(said: Facts, patch: Facts) -> Facts:
    """The part of a patch that says something else than was said before; `custom` name by name.

    To Python 1, 1.0 and true are equal, to a rule they are not: they are compared as they are written.
    """
    fresh: Facts = {key: value for key, value in patch.items() if repr(said.get(key)) != repr(value)}
    changes = patch.get("custom")
    if isinstance(changes, dict):
        fresh["custom"] = news(said.get("custom") or {}, cast("Facts", changes))
    return fresh


def faults_of_time(occurred_at: datetime, now: datetime) -> list[Fault]:
    if not instants.is_usable(occurred_at):
        return [Fault("/occurred_at", instants.refusal(occurred_at))]
    if occurred_at <= now + AHEAD_MAX:
        return []
    return [
        Fault(
            "/occurred_at",
            f"{rfc3339(occurred_at)} lies more than {AHEAD_MAX.seconds // 60} minutes after {rfc3339(now)}, "
            "which is the tenant's now; report it when it has happened.",
        )
    ]


def faults_of_facts(facts: Facts) -> list[Fault]:
    """What a source may not say, and where it belongs."""
    known = ", ".join(GIVEN_BY_SOURCE)
    return (
        [
            Fault(
                pointer_to("/facts", name), f"Not a fact of a request ({known}); put your own under `custom`."
            )
            for name in facts
            if name not in GIVEN_BY_SOURCE and name != "custom"
        ]
        + [
            Fault(f"/facts/{name}", "This fact is a text.")
            for name in GIVEN_BY_SOURCE
            if not isinstance(facts.get(name), str | None)
        ]
        + (
            []
            if isinstance(facts.get("custom", {}), dict | None)
            else [Fault("/facts/custom", "`custom` is an object.")]
        )
    )


def is_backdated(occurred_at: datetime, now: datetime) -> bool:
    return occurred_at < now - BACKDATED_AFTER
