"""Limits as named data, and the arithmetic of rates. Pure."""
