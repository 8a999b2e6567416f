"""What somebody concerned holds against a verdict, a promise or an arrangement, and what came of it."""
