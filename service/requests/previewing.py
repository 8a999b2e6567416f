"""What a message would say, of a request that there is or of a sample. Nothing is told or written."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches

from service import instants
from service.calendars.domain import zones
from service.db import TenantSession
from service.errors import Fault, pointer_to
from service.ids import RequestId
from service.rationalization.arrangements import service as arrangements
from service.rationalization.wording import service as wording
from service.rationalization.wording import shipped
from service.rationalization.wording.domain import (
    VARIABLES,
    Message,
    MessageKind,
    Value,
    ValueType,
    Variable,
    Written,
    languages,
    values,
)
from service.rationalization.wording.domain.spoken import Manner
from service.rationalization.wording.errors import MessageTemplateInvalid
from service.rationalization.wording.service import Place
from service.requests import affairs, messaging, store
from service.tenants import contacts

Said = Mapping[str, str | list[str] | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be tried.

    Attributes:
        written: None for the product's own words.
        request_id: the request that it is about; without one it is told of a sample.
        said: values beside those; what is None is left out.
    """

    place: Place
    written: Written | None = None
    time_zone: str | None = None
    request_id: RequestId | None = None
    said: Said


async def preview(session: TenantSession, wanted: Wanted, *, now: datetime) -> tuple[str, str]:
    """The subject and the text that would be told. Raises MessageTemplateInvalid, RequestNotFound."""
    place = wanted.place
    said, faults = _read(place.message, wanted.said)
    faults += languages.faults_of_language(place.language)
    if wanted.time_zone is not None and wanted.time_zone not in zones.names():
        faults.append(Fault("/time_zone", "Not a name of the IANA database such as Europe/Berlin."))
    if wanted.written is not None and not faults:
        faults += wording.faults_of(place, wanted.written, now=now)
    if faults:
        raise MessageTemplateInvalid(faults)
    given = await _given(session, wanted, now=now)
    manner = Manner.named(place.language, wanted.time_zone)
    written = wanted.written or _shipped(place)
    return wording.preview(place, written, {**given, **said}, manner=manner)


async def _given(session: TenantSession, wanted: Wanted, *, now: datetime) -> Mapping[str, Value | None]:
    """What there is to speak of: of the request and its arrangement, or else likely values."""
    kind = wanted.place.message
    sample = values.sample(kind, now)
    if wanted.request_id is None:
        return shipped.in_words(sample, wanted.place.language)
    request = (await store.get(session, wanted.request_id, client_id=None)).to_domain()
    contact = None if request.contact_id is None else await contacts.get(session, request.contact_id)
    own = wording.of_matter(Message(kind=kind, matter=affairs.matter(request)), contact)
    if request.arrangement_id is not None:
        own |= messaging.values_of(await arrangements.get(session, request.arrangement_id, client_id=None))
    always = {
        variable.name: sample[variable.name] for variable in VARIABLES[kind] if variable.is_always_there
    }
    there = {name: value for name, value in own.items() if value is not None}
    return shipped.in_words({**always, **there}, wanted.place.language)


def _shipped(place: Place) -> Written:
    chain = languages.chain(place.language)
    language = next(language for language in chain if language in shipped.LANGUAGES)
    return shipped.words(language)[place.message]


def _read(kind: MessageKind, said: Said) -> tuple[dict[str, Value | None], list[Fault]]:
    """The values that were sent along, by the types of their variables."""
    variables = {variable.name: variable for variable in VARIABLES[kind]}
    found: dict[str, Value | None] = {}
    faults: list[Fault] = []
    for name, value in said.items():
        pointer = pointer_to("/values", name)
        if name not in variables:
            near = get_close_matches(name, variables, n=1)
            meant = f"did you mean {near[0]!r}?" if near else f"it speaks of {', '.join(variables)}."
            faults.append(Fault(pointer, f"The message speaks of no such thing; {meant}"))
        elif value is None:
            found[name] = None
        elif (read := _value(variables[name], value)) is None:
            faults.append(Fault(pointer, _EXPECTED[variables[name].type]))
        else:
            found[name] = read
    return found, faults


_EXPECTED: Mapping[ValueType, str] = {
    ValueType.TEXT: "This is a text.",
    ValueType.TEXTS: "This is a list of texts.",
    ValueType.INSTANT: "This is an instant: write it as 2026-01-05T13:00:00Z or with +08:00.",
}


def _value(variable: Variable, value: str | list[str]) -> Value | None:
    match variable.type, value:
        case ValueType.TEXT, str():
            return value
        case ValueType.TEXTS, list():
            return value
        case ValueType.INSTANT, str():
            return _instant(value)
        case _:
            return None


def _instant(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo is not None and instants.is_usable(at) else None
