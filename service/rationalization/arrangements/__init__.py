"""What became of a verdict: what was offered or required, what was answered, and whether work may start."""
