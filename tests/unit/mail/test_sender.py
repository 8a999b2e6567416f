"""How a mail reads on the wire, and where it is handed over."""

from email import message_from_bytes
from email.policy import default
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service import composition
from service.mail import domain, sender
from service.mail.domain import Mail
from service.mail.errors import SenderMalformed, SmtpAddressMalformed
from service.mail.sender import FolderPost, SmtpPost, SmtpServer
from service.settings import Settings
from tests.factories import NOON

MAIL_ID = UUID(int=7)
HEADERS = {
    "from",
    "to",
    "subject",
    "date",
    "message-id",
    "auto-submitted",
    "x-auto-response-suppress",
    "mime-version",
    "content-type",
    "content-transfer-encoding",
}


def sent(mail: Mail) -> bytes:
    return sender.message(mail, MAIL_ID, sender="it@example.org", queued_at=NOON).as_bytes()


def test_a_mail_says_that_a_machine_wrote_it_and_keeps_one_message_id() -> None:
    mail = Mail("ada@example.org", "Hello", "text\n")
    read = message_from_bytes(sent(mail), policy=default)

    assert read["Auto-Submitted"] == "auto-generated"
    assert read["X-Auto-Response-Suppress"] == "All"
    assert read["Message-ID"] == f"<{MAIL_ID}@example.org>"
    assert read["From"] == "Rooted <it@example.org>"
    assert read["Date"] == "Mon, 05 Jan 2026 12:00:00 +0000"
    assert sent(mail) == sent(mail)


@given(
    subject=st.text(min_size=1, max_size=domain.SUBJECT_CHARACTERS_MAX),
    body=st.text(min_size=1, max_size=300),
)
def test_whatever_is_accepted_arrives_as_one_message_with_our_headers_only(subject: str, body: str) -> None:
    mail = Mail("ada@example.org", subject, body)
    if domain.complaint(mail) is not None or not _encodes(subject + body):
        return
    read = message_from_bytes(sent(mail), policy=default)

    assert {name.lower() for name in read} == HEADERS
    assert read["To"] == "ada@example.org"
    assert not read.is_multipart()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (
            "smtp://ada:p%40ss@mail.example.org:2525",
            SmtpServer("mail.example.org", 2525, tls=False, start_tls=True, username="ada", password="p@ss"),  # noqa: S106
        ),
        ("smtp://mail.example.org", SmtpServer("mail.example.org", 587, tls=False, start_tls=True)),
        ("smtps://mail.example.org", SmtpServer("mail.example.org", 465, tls=True, start_tls=False)),
        ("smtp://127.0.0.1:25", SmtpServer("127.0.0.1", 25, tls=False, start_tls=None)),
        ("smtp://[::1]:25/", SmtpServer("::1", 25, tls=False, start_tls=None)),
        ("smtp://localhost", SmtpServer("localhost", 587, tls=False, start_tls=None)),
    ],
)
def test_a_servers_address_says_how_it_is_spoken_to(url: str, expected: SmtpServer) -> None:
    assert SmtpServer.of(url) == expected


@pytest.mark.parametrize(
    "url",
    [
        "ada:hidden@mail.example.org:25",
        "http://ada:hidden@mail.example.org",
        "smtp://ada:hidden@",
        "smtp://ada:hidden@host:port",
        "smtp://ada:hidden@host/x",
        "smtp://ada:hidden@host?tls=no",
        "smtp://ada:hidden@[::1",
    ],
)
def test_an_address_that_cannot_be_read_is_refused_without_showing_its_password(url: str) -> None:
    with pytest.raises(SmtpAddressMalformed) as refused:
        SmtpServer.of(url)
    assert "hidden" not in str(refused.value)


def test_a_password_is_not_shown_where_a_server_is_printed() -> None:
    assert "hidden" not in repr(SmtpServer.of("smtp://ada:hidden@mail.example.org"))


def test_mail_goes_to_the_server_else_to_the_data_folder_else_nowhere(tmp_path: Path) -> None:
    def post(**settings: object) -> object:
        return composition.post(Settings.model_validate(settings))

    assert isinstance(post(smtp_url="smtp://localhost", data_dir=tmp_path), SmtpPost)
    assert post(data_dir=tmp_path) == FolderPost(tmp_path / "mail")
    assert post() is None
    with pytest.raises(SenderMalformed):
        post(mail_from="Rooted <it@example.org>")


async def test_without_a_server_a_mail_is_a_file_that_only_its_owner_may_read(tmp_path: Path) -> None:
    made = sender.message(
        Mail("ada@example.org", "Hello", "text\n"), MAIL_ID, sender="it@example.org", queued_at=NOON
    )
    await FolderPost(tmp_path / "mail").send(made)
    await FolderPost(tmp_path / "mail").send(made)

    (written,) = (tmp_path / "mail").iterdir()
    assert written.name == f"{MAIL_ID}.eml"
    assert written.stat().st_mode & 0o077 == 0
    assert message_from_bytes(written.read_bytes(), policy=default)["To"] == "ada@example.org"


async def test_a_folder_that_cannot_be_written_is_a_failure_to_be_tried_again(tmp_path: Path) -> None:
    (tmp_path / "mail").write_text("in the way")
    made = sender.message(Mail("ada@example.org", "Hello", "text"), MAIL_ID, sender="it@x", queued_at=NOON)

    with pytest.raises(sender.NotSent) as failed:
        await FolderPost(tmp_path / "mail").send(made)
    assert not failed.value.for_good


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
