"""What an approval means for the gate that asks for it. Pure."""

from collections.abc import Mapping, Sequence

from service.rationalization.approvals.domain import Standing
from service.rationalization.approvals.domain import State as Consent
from service.rationalization.gates.domain.standing import Finding, State

STATES: Mapping[Consent, State] = {
    Consent.PENDING: State.OPEN,
    Consent.GRANTED: State.SATISFIED,
    Consent.REFUSED: State.REFUSED,
    Consent.EXPIRED: State.EXPIRED,
    Consent.WITHDRAWN: State.OPEN,
}


def of_approval(found: Standing, wanted: Sequence[str]) -> Finding:
    """What an approval means, which is wanted of those who are called so."""
    return Finding(state=STATES[found.state], missing=_missing(found, wanted))


def _missing(found: Standing, wanted: Sequence[str]) -> tuple[str, ...]:
    match found.state:
        case Consent.GRANTED:
            return ()
        case Consent.REFUSED:
            said = "" if found.refused_by is None else found.refused_by.because
            return (said or "It was refused.",)
        case Consent.EXPIRED:
            return ("Nobody consented in time; ask for it anew.",)
        case Consent.WITHDRAWN:
            return ("It is asked for no more.",)
        case Consent.PENDING:
            return (_waits(found, wanted),)


def _waits(found: Standing, wanted: Sequence[str]) -> str:
    if found.seats_open:
        names = sorted(seat.partition(":")[2] for seat in found.seats_open)
        return f"The consent of each of these is wanted: {', '.join(names)}."
    people = "one person" if found.persons_missing == 1 else f"{found.persons_missing} people"
    return f"The consent of {people} more is wanted, of these: {', '.join(wanted)}."
