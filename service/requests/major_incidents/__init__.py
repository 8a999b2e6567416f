"""Major incidents: one cause that many clients must hear of."""
