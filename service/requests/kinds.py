"""The kinds of policy that a request is decided by, in the order in which they are asked. Pure."""

from service.commitments.promises import COMMITMENT
from service.escalations.climbs import ESCALATION
from service.rationalization.kind import RATIONALIZATION
from service.rules.classification import CLASSIFICATION

KINDS = {kind.name: kind for kind in (CLASSIFICATION, RATIONALIZATION, COMMITMENT, ESCALATION)}
"""Every kind of policy. What the first derives, all others read."""
