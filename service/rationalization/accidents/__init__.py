"""Accidents of operation and maintenance: what was harmed, why, and what was done about it."""
