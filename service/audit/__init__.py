"""The audit trail: who did what, on whose behalf, from where. Append-only, and provably whole."""
