"""Facts that may well come and match no rule; and a classification without a default. Pure."""

from collections.abc import Iterator

from service.rules.checks import conditions
from service.rules.checks import world as worlds
from service.rules.checks.conditions import Ranked
from service.rules.checks.places import Places
from service.rules.checks.world import World
from service.rules.domain import HitPolicy
from service.rules.findings import Finding

CLASSIFICATION = "classification"


def gaps(world: World, ranked: Ranked, hit_policy: HitPolicy, places: Places) -> Iterator[Finding]:
    """Whether something ordinary matches no rule; with an example.

    Raises:
        Undecided
    """
    part = ranked.pile.cover(world.ordinary, ranked.pile.all).part
    if part is None:
        return
    shown = worlds.told_part(world, part)
    when = f", as when {shown}" if shown else ""
    is_table = places.table is not None
    yield Finding(
        code="gap" if is_table and hit_policy is not HitPolicy.COLLECT else "unmatched",
        pointer=places.rules,
        reason=f"Some requests match no {'row' if is_table else 'rule'}{when}.",
        remedy="Add one that always matches at the end"
        + (", with `*` in every cell." if is_table else ", with the condition `true`."),
    )


def no_default(ranked: Ranked, kind: str, places: Places) -> Iterator[Finding]:
    """Whether a classification leaves something unclassified.

    Raises:
        Undecided
    """
    if kind == CLASSIFICATION and next(conditions.always(ranked), None) is None:
        yield Finding(
            code="no-default",
            pointer=places.rules,
            reason="No rule of this classification always matches: some requests would have no class.",
            remedy="Add a last rule with the condition `true`, or a row of `*`.",
        )
