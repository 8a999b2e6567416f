"""Forms that only our own pages can send.

The token of a form is derived from a secret that a cookie gives to one browser: that of the log-in session,
or, before there is one, that of the browser. Whoever cannot read the cookie cannot make the token, and a new
session makes the forms of the old one void.
"""

import hashlib
import hmac
from base64 import urlsafe_b64encode

from service.errors import Forbidden

FIELD = "form_token"
PURPOSE = b"rooted: forms of pages, 1"


class FormForged(Forbidden):
    """The form was not sent from a page that this browser was shown, or the page is too old."""

    code = "form-forged"

    def __init__(self) -> None:
        super().__init__(
            "This form did not come from a page of ours that is still valid. Go back, reload the page, and"
            " send the form again."
        )


def form_token(secret: str) -> str:
    """What a form carries for a browser whose cookie holds `secret`."""
    return urlsafe_b64encode(hmac.digest(secret.encode(), PURPOSE, hashlib.sha256)).rstrip(b"=").decode()


def is_genuine(secret: str | None, token: str | None) -> bool:
    if not secret or not token:
        return False
    return hmac.compare_digest(form_token(secret).encode(), token.encode(errors="replace"))


def is_from_here(site: str | None, origin: str | None, *, own_origin: str) -> bool:
    """Whether a browser says that a form came from a page of this service, as far as it says anything.

    Args:
        site: the header Sec-Fetch-Site, which no page can set; browsers before 2023 send none.
        origin: the header Origin; `null` from pages that, like ours, send no referrer.
        own_origin: that of the issuer.
    """
    if site not in (None, "same-origin", "none"):
        return False
    return origin in (None, "null", own_origin)
