"""Facts that a tenant declares for itself, for all of its policies."""
