"""Calendars: when time counts, and arithmetic over it."""
