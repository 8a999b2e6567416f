"""Expected failures of repinnings."""

from collections.abc import Sequence

from service.errors import Conflict, Fault, Invalid, NotFound, Unavailable
from service.ids import PolicyId, RepinningId, RequestId


class RepinningNotFound(NotFound):
    """There is no such repinning."""

    code = "repinning-not-found"

    def __init__(self, repinning_id: RepinningId) -> None:
        super().__init__(f"Repinning {repinning_id} does not exist.")


class RepinningUnderWay(Conflict):
    """Of a policy, or a calendar, one repinning is carried out at a time; previews are not in the way."""

    code = "repinning-under-way"

    def __init__(self, subject: str) -> None:
        super().__init__(f"A repinning of {subject} is under way; wait until it is done, or cancel it.")


class PolicyNotInEffect(Conflict):
    """Requests are put on the version in effect, and the policy has none."""

    code = "policy-not-in-effect"

    def __init__(self, policy_id: PolicyId) -> None:
        super().__init__(f"No version of policy {policy_id} is in effect; publish one first.")


class PreviewMissing(Conflict):
    """What is carried out is what a preview has shown: it must be a preview, of the same, and done."""

    code = "preview-missing"

    def __init__(self, repinning_id: RepinningId, subject: str) -> None:
        super().__init__(
            f"{repinning_id} is not a preview of {subject} that is done; make one and wait for it."
        )


class PreviewStale(Conflict):
    """The preview is older than an hour, or of another version than the one in effect."""

    code = "preview-stale"

    def __init__(self, repinning_id: RepinningId, because: str) -> None:
        super().__init__(f"Preview {repinning_id} holds no more: {because}. Make another one.")


class RepinningEnded(Conflict):
    """Only what is under way can be cancelled."""

    code = "repinning-ended"

    def __init__(self, repinning_id: RepinningId) -> None:
        super().__init__(f"Repinning {repinning_id} is not under way.")


class RepinningNotResumable(Conflict):
    """Only what was cancelled, or failed wholly or in part, can be resumed."""

    code = "repinning-not-resumable"

    def __init__(self, repinning_id: RepinningId) -> None:
        super().__init__(f"Repinning {repinning_id} has nothing left to do.")


class TermsImpossible(Conflict):
    """The calendars of a request's new terms open too seldom for what they promise."""

    code = "terms-impossible"

    def __init__(self, request_id: RequestId) -> None:
        super().__init__(
            f"What the version promises to request {request_id} falls due beyond all that its calendars know."
        )


class RulesLeftAside(Unavailable):
    """Rules took too long, or can no longer be read, and nothing is promised anew without them."""

    code = "rules-left-aside"

    def __init__(self, request_id: RequestId) -> None:
        super().__init__(
            f"Rules were left aside for request {request_id}, too slow or unreadable; resume it to try again."
        )


class RepinningInvalid(Invalid):
    """What is asked for is neither a preview nor what one has shown. Each entry of `errors` says why."""

    code = "repinning-invalid"

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("The repinning cannot be begun as it stands.", faults=faults)
