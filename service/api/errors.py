"""Failures that only HTTP knows: their kinds, and the API kernel's own. Slices keep to `service.errors`."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from service.errors import Conflict, Fault, Forbidden, Invalid, NotFound, ServiceError, Unavailable
from service.ids import ApplicationId, MemberId, TenantId

REALM = 'Bearer realm="rooted"'


@dataclass(frozen=True, slots=True)
class Claimed:
    """Whose token it is that is genuine, and does not count any more."""

    tenant_id: TenantId
    application_id: ApplicationId
    member_id: MemberId | None = None


class Malformed(ServiceError):
    """The request cannot be read: its syntax, or the type of a value, is wrong."""


class Unauthenticated(ServiceError):
    """The caller is not known: an access token is missing, or does not count."""

    challenge: str = REALM


class MethodUnknown(ServiceError):
    """The address exists, but does not take this method."""


class PreconditionFailed(ServiceError):
    """The object has changed since the version that the request is based on."""


class TooLarge(ServiceError):
    """The request is larger than this service accepts."""


class MediaTypeUnsupported(ServiceError):
    """The body is of a kind that this address does not read."""


class PreconditionRequired(ServiceError):
    """A change must say which version it is based on, so that nobody's work is overwritten."""


class Bug(ServiceError):
    """Something failed that we did not foresee. It is logged under the request id."""


class BodyMalformed(Malformed):
    """The body is not the JSON that this operation reads. Each entry of `errors` points at one place."""

    code = "body-malformed"

    def __init__(self, detail: str, *, faults: Sequence[Fault] = ()) -> None:
        super().__init__(detail, faults=faults or (Fault("", detail),))


class ParameterMalformed(Malformed):
    """A value in the path, the query or a header cannot be read."""

    code = "parameter-malformed"


class CursorUnknown(Malformed):
    """A page's cursor was not given out by this list. Start again without one."""

    code = "cursor-unknown"

    def __init__(self) -> None:
        super().__init__("This cursor was not given out by this list. Start again without `cursor`.")


class IdempotencyKeyMissing(Malformed):
    """The operation needs an `Idempotency-Key` header, so that a repetition cannot act twice."""

    code = "idempotency-key-missing"

    def __init__(self) -> None:
        super().__init__("Send an Idempotency-Key header: a name of your own for this one intention.")


class IdempotencyKeyMalformed(Malformed):
    """An `Idempotency-Key` is 1 to 255 printable ASCII characters."""

    code = "idempotency-key-malformed"

    def __init__(self) -> None:
        super().__init__("An Idempotency-Key is 1 to 255 printable ASCII characters.")


class IdempotencyKeyReused(Invalid):
    """The `Idempotency-Key` was already used for another request. Choose a new one."""

    code = "idempotency-key-reused"

    def __init__(self, key: str) -> None:
        super().__init__(f"The Idempotency-Key {key!r} was already used for another request.")


class IdempotencyKeyInFlight(Conflict):
    """A request with this `Idempotency-Key` is being worked on. Repeat yours a little later."""

    code = "idempotency-key-in-flight"

    def __init__(self, key: str) -> None:
        super().__init__(f"A request with the Idempotency-Key {key!r} is being worked on.")


class TokenMissing(Unauthenticated):
    """The operation needs an access token in the header: `Authorization: Bearer …`."""

    code = "token-missing"

    def __init__(self) -> None:
        super().__init__("Send an access token: `Authorization: Bearer …`. Get one at /oauth/token.")


class TokenInvalid(Unauthenticated):
    """The access token is not one of ours, has expired, or was revoked. Get a new one at /oauth/token."""

    code = "token-invalid"
    challenge = f'{REALM}, error="invalid_token", error_description="The access token does not count."'

    def __init__(self, claimed: Claimed | None = None) -> None:
        super().__init__("The access token is not one of ours, has expired or was revoked.")
        self.claimed = claimed


class ScopeInsufficient(Forbidden):
    """The access token lacks the scope that the operation asks for."""

    code = "insufficient-scope"

    def __init__(self, scope: str) -> None:
        super().__init__(f"This operation needs the scope {scope}, which the access token lacks.")
        self.challenge = f'{REALM}, error="insufficient_scope", scope="{scope}"'


class RoleInsufficient(Forbidden):
    """The member has none of the roles that the operation is open to."""

    code = "insufficient-role"

    def __init__(self, roles: Collection[str]) -> None:
        super().__init__(f"This operation is open to these roles only: {', '.join(sorted(roles))}.")


class RolesBeyondOwn(Forbidden):
    """Nobody gives a member roles that may do more than they may themselves."""

    code = "roles-beyond-own"

    def __init__(self, scopes: Collection[str]) -> None:
        super().__init__(
            "The member could do what your access token does not let you do yourself:"
            f" {', '.join(sorted(scopes))}. Use a token with these scopes, or give other roles."
        )


class AddressUnknown(NotFound):
    """No operation has this address."""

    code = "address-unknown"

    def __init__(self) -> None:
        super().__init__("No operation has this address; /openapi.json lists them all.")


class ProblemUnknown(NotFound):
    """No problem has this code."""

    code = "problem-unknown"

    def __init__(self) -> None:
        super().__init__("No problem has this code.")


class MethodNotAllowed(MethodUnknown):
    """The address exists, but does not take this method; the `Allow` header lists those it takes."""

    code = "method-not-allowed"

    def __init__(self, allow: str) -> None:
        super().__init__(f"This address takes {allow or 'other methods'}.")
        self.allow = allow


class VersionStale(PreconditionFailed):
    """The object has changed since it was read. Read it again, and repeat the change with its new ETag."""

    code = "version-stale"

    def __init__(self) -> None:
        super().__init__("The object has changed since the version in If-Match. Read it again.")


class IfMatchMissing(PreconditionRequired):
    """A change needs the ETag of the version that it is based on, in an `If-Match` header."""

    code = "if-match-missing"

    def __init__(self) -> None:
        super().__init__("Send If-Match with the ETag of the version that this change is based on.")


class BodyTooLarge(TooLarge):
    """The body is larger than this service accepts."""

    code = "body-too-large"

    def __init__(self, bytes_max: int) -> None:
        super().__init__(f"A body may have at most {bytes_max} bytes.")


class BodyMediaTypeUnsupported(MediaTypeUnsupported):
    """The body is of a kind that this address does not read. The problem's detail names the right one."""

    code = "media-type-unsupported"

    def __init__(self, expected: str) -> None:
        super().__init__(f"Send the body as {expected}.")


class DatabaseUnavailable(Unavailable):
    """The database does not answer, or is overloaded. Repeat the same request a little later."""

    code = "database-unavailable"

    def __init__(self) -> None:
        super().__init__("The database does not answer now. Repeat the same request a little later.")


class InternalError(Bug):
    """Something failed that we did not foresee. It is logged; name the `request_id` when you report it."""

    code = "internal-error"

    def __init__(self) -> None:
        super().__init__("Something failed that we did not foresee. Name the request_id to report it.")
