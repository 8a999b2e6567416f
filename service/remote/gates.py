"""What a backtest may find at most before a pipeline stops. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Gates:
    """None lets any number through.

    Attributes:
        new_breaches: promises that would be broken, and are not by the policies in effect.
        changed: requests that differ in anything.
    """

    new_breaches: int | None = None
    changed: int | None = None


@dataclass(frozen=True, slots=True)
class Passage:
    """What the gates say of a backtest.

    Attributes:
        exceeded: each gate that is, in words.
        undecided: why one of them cannot be judged; None when all can.
    """

    exceeded: tuple[str, ...] = ()
    undecided: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """What a backtest found.

    Attributes:
        new_breaches: counted over the requests that are listed.
        changed: how many requests differ.
        listed_all: whether all of those are listed, so that no breach is missing from the count.
        judged: how many requests were.
        unjudged: how many could not be; each of them might be more than a gate lets through.
    """

    new_breaches: int
    changed: int
    listed_all: bool
    judged: int
    unjudged: int


def passage(gates: Gates, count: Count) -> Passage:
    """Judge what was found."""
    exceeded: list[str] = []
    if gates.changed is not None and count.changed > gates.changed:
        exceeded.append(f"{count.changed:,} requests change, and --max-changed is {gates.changed:,}")
    if gates.new_breaches is not None and count.new_breaches > gates.new_breaches:
        least = "" if count.listed_all else "at least "
        exceeded.append(
            f"{least}{count.new_breaches:,} promises would be broken that are not, and --max-new-breaches is"
            f" {gates.new_breaches:,}"
        )
    return Passage(tuple(exceeded), None if exceeded else _undecided(gates, count))


def _undecided(gates: Gates, count: Count) -> str | None:
    """Why gates that are not exceeded by what is known might be by what is not."""
    if gates.new_breaches is not None and not count.listed_all:
        return (
            "More requests change than are listed, so that --max-new-breaches cannot be judged;"
            " try a shorter period."
        )
    limits = ((gates.new_breaches, count.new_breaches), (gates.changed, count.changed))
    room = min((limit - found for limit, found in limits if limit is not None), default=None)
    if room is None:
        return None
    if not count.judged:
        return "No request was judged, so that nothing is known."
    if count.unjudged > room:
        return (
            f"{count.unjudged:,} requests could not be judged, and might be more than the gates let through."
        )
    return None
