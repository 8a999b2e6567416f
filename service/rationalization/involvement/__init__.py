"""Separation of duties: who had a hand in what is to be approved, and so does not approve it."""
