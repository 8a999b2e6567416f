"""How a page is made: templates, the one stylesheet, and the headers that every page is sent with."""

import hashlib
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from litestar import Response
from litestar.datastructures import Cookie

TEMPLATES = Environment(
    loader=PackageLoader("service.api.pages"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)
STYLE = (files("service.api.pages") / "style.css").read_bytes()
STYLE_PATH = "/assets/style.css"
STYLE_ADDRESS = f"{STYLE_PATH}?v={hashlib.sha256(STYLE).hexdigest()[:12]}"
"""Another one whenever the stylesheet is, so that it may be kept for ever."""

HTML = "text/html"
FOR_EVERY_PAGE = {
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


def policy(form_targets: Sequence[str] = ()) -> str:
    """The content security policy of a page whose forms may end at these places besides our own."""
    return "; ".join(
        (
            "default-src 'none'",
            "style-src 'self'",
            "img-src data: 'self'",
            " ".join(("form-action 'self'", *form_targets)),
            "frame-ancestors 'none'",
            "base-uri 'none'",
        )
    )


def render(template: str, values: Mapping[str, Any]) -> str:
    return TEMPLATES.get_template(template).render(style_address=STYLE_ADDRESS, **values)


def answer(
    html: str, *, status: int = 200, form_targets: Sequence[str] = (), cookies: Sequence[Cookie] = ()
) -> Response[str]:
    return Response(
        html,
        status_code=status,
        media_type=HTML,
        headers={**FOR_EVERY_PAGE, "Content-Security-Policy": policy(form_targets)},
        cookies=list(cookies),
    )
