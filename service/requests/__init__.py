"""Requests: the way in. Submit, the event ledger, facts, decisions, why and timeline."""
