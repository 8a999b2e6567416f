"""Expected failures of this slice."""

from service.errors import Invalid


class MailRefused(Invalid):
    """This cannot be sent by mail as it stands."""

    code = "mail-refused"


class SmtpAddressMalformed(Invalid):
    """The address of the SMTP server cannot be read."""

    code = "smtp-address-malformed"

    def __init__(self) -> None:
        super().__init__(
            "ROOTED_SMTP_URL cannot be read. Write smtp://user:password@host:587 or smtps://user:password@host,"
            " with what is special in a password percent-encoded."
        )
