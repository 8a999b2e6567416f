"""What a verdict requires before work starts, and the records that satisfy it."""
