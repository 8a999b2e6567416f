"""What people are written to. Plain text; names from tenants stand in it as they are."""

from service.mail.domain import Mail
from service.people.domain import Link


def reset(email: str, link: Link) -> Mail:
    return Mail(
        email,
        "Set a new password",
        "Somebody asked for a new password for your account. If it was you, set it here:\n\n"
        f"{link.url}\n\n"
        f"The link works once, until {link.expires_at:%d %B %Y, %H:%M} UTC.\n"
        "If it was not you, nothing has changed, and nothing needs to be done.\n",
    )


def invitation(email: str, tenant_name: str, link: Link) -> Mail:
    return Mail(
        email,
        "You are invited to Rooted",
        f"{tenant_name} invites you to its service desk. Accept here:\n\n"
        f"{link.url}\n\n"
        f"The link works once, until {link.expires_at:%d %B %Y, %H:%M} UTC.\n"
        "If you do not know who this is from, do nothing.\n",
    )
