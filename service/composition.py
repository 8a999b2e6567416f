"""What both composition roots are made of: the kinds of policy, who looks at what wakes, the rules engine."""

import random
from collections.abc import Mapping

from service.commitments import service as commitments
from service.commitments.promises import COMMITMENT
from service.rules.library import Library
from service.rules.matching import Engine
from service.rules.pool import DurablePool, PoolLimits
from service.rules.reference import ReferenceEngine
from service.rules.service import Rulebook
from service.settings import Settings
from service.wakeups.service import Advance

KINDS = {kind.name: kind for kind in (COMMITMENT,)}
"""Every kind of policy."""

ADVANCES: Mapping[str, Advance] = {commitments.SUBJECT_KIND: commitments.advance}
"""What is looked at again when its wake-up fires, by kind of subject."""


def rulebook(engine: Engine) -> Rulebook:
    return Rulebook(engine, KINDS, Library())


def rules_engine(settings: Settings) -> Engine:
    """The engine that decides. Close it at the end: it may have child processes."""
    reference = ReferenceEngine()
    if settings.rules_engine == "reference":
        return reference
    return DurablePool(
        reference=reference,
        sample=random.random,
        limits=PoolLimits(children=settings.rules_children),
    )
