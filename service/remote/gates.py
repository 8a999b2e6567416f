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


def passage(gates: Gates, *, new_breaches: int, changed: int, listed_all: bool) -> Passage:
    """Judge what was found.

    Args:
        gates: as they were set.
        new_breaches: counted over the requests that are listed.
        changed: how many requests differ.
        listed_all: whether all of those are listed, so that no breach is missing from the count.
    """
    exceeded: list[str] = []
    if gates.changed is not None and changed > gates.changed:
        exceeded.append(f"{changed:,} requests change, and --max-changed is {gates.changed:,}")
    if gates.new_breaches is not None and new_breaches > gates.new_breaches:
        least = "" if listed_all else "at least "
        exceeded.append(
            f"{least}{new_breaches:,} promises would be broken that are not, and --max-new-breaches is"
            f" {gates.new_breaches:,}"
        )
    undecided = None
    if gates.new_breaches is not None and new_breaches <= gates.new_breaches and not listed_all:
        undecided = (
            "More requests change than are listed, so that --max-new-breaches cannot be judged;"
            " try a shorter period."
        )
    return Passage(tuple(exceeded), undecided)
