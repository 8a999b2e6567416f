"""Outbox: what happened, told in a feed that never skips, and delivered to webhooks."""
