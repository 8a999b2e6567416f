"""What policies would have done: one request tried, or a whole history. Nothing decided here counts."""
