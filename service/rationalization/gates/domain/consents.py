"""What an approval means for the gate that asks for it. Pure."""

from collections.abc import Mapping

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


def of_approval(found: Standing) -> Finding:
    return Finding(state=STATES[found.state], missing=_missing(found))


def _missing(found: Standing) -> tuple[str, ...]:
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
            return (_waits(found),)


def _waits(found: Standing) -> str:
    seats = ", ".join(sorted(found.seats_open))
    who = f" of {seats}" if seats else ""
    count = max(found.persons_missing, 1)
    return f"The consent{who} of {count} more {'person' if count == 1 else 'people'} is wanted."
