"""Logs of past requests that were brought in, to try policies on: kept apart from what is really promised."""
