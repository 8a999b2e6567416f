"""Ladders: who is to be told of a promise, when, and by what."""
