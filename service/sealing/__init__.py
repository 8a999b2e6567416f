"""Sealing: every place where sealed secrets lie, what is still in the clear, and how all is sealed anew."""
