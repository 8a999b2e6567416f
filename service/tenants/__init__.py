"""Tenants: who they are, what time it is for them, and what they register."""
