"""What the audit trail says of an answer to a client that is known. Pure."""

from service.api.oauth.answers import EndpointResponse
from service.api.oauth.tokens import Grant
from service.audit.domain import Deed

ISSUED = "token.issued"
FAILED = "authentication.failed"
REFUSED = "grant.refused"

ISSUED_EACH_MAX = 60
"""How many tokens of one application, or member, are recorded one by one in a minute."""


def deed(
    answer: EndpointResponse, *, endpoint: str, grant_type: str | None, grant: Grant | None
) -> Deed | None:
    """What was done, or refused; None for what gave out nothing and refused nothing.

    Args:
        answer: to the client.
        endpoint: token, revocation or introspection.
        grant_type: that was asked for, if it is one that there is.
        grant: what the access token of the answer says, if it has one.
    """
    about = {} if grant_type is None else {"grant_type": grant_type}
    error = answer.body.get("error")
    if error == "invalid_client":
        return Deed(FAILED, f"endpoint:{endpoint}", after=about)
    if error is not None:
        return Deed(REFUSED, f"endpoint:{endpoint}", after={**about, "error": error})
    if grant is not None:
        return Deed(ISSUED, f"token:{grant.token_id}", after={**about, "scopes": sorted(grant.scopes)})
    return None
