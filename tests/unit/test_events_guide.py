from pathlib import Path

from service.outbox.domain import deliveries
from service.outbox.domain.events import EVENT_TYPES

GUIDE = (Path(__file__).parents[2] / "docs" / "guides" / "events.md").read_text()


def test_the_guide_lists_every_event_as_it_is() -> None:
    rows = [line for line in GUIDE.splitlines() if line.startswith("| `")]

    assert rows == [
        f"| `{name}` | {kind.description} | {kind.audience.value} |" for name, kind in EVENT_TYPES.items()
    ]


def test_what_the_guide_shows_to_receivers_knows_our_signatures() -> None:
    shown: dict[str, object] = {}
    exec(GUIDE.split("```python\n")[1].split("```")[0], shown)  # noqa: S102 - the guide's own example
    is_ours = shown["is_ours"]
    secret, body = deliveries.secret_of(b"k" * 32), b"{}"
    signature = deliveries.signature(secret, message_id="m", timestamp=7, body=body)
    headers = {"webhook-id": "m", "webhook-timestamp": "7", "webhook-signature": f"v1,other {signature}"}

    assert callable(is_ours)
    assert is_ours(secret, headers, body)
    assert not is_ours(secret, headers, b"{ }")
    assert not is_ours(secret, headers | {"webhook-id": "n"}, body)
