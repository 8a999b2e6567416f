"""Drives a log of past requests through the HTTP API, as any other client of it would."""
