"""Putting running requests on another version of a policy or a calendar, as one operation."""
