"""Expected failures of this slice."""

from service.errors import Invalid


class MailRefused(Invalid):
    """This cannot be sent by mail as it stands."""

    code = "mail-refused"


class SenderMalformed(Invalid):
    """The address that mail is to come from cannot be read."""

    code = "mail-sender-malformed"

    def __init__(self, address: str) -> None:
        super().__init__(
            f"ROOTED_MAIL_FROM is {address!r}; set it to a plain address, such as it@example.org."
        )


class SmtpAddressMalformed(Invalid):
    """The address of the SMTP server cannot be read."""

    code = "smtp-address-malformed"

    def __init__(self) -> None:
        super().__init__(
            "ROOTED_SMTP_URL cannot be read. Write smtp://user:password@host:587 or smtps://user:password@host,"
            " with what is special in a password percent-encoded."
        )
