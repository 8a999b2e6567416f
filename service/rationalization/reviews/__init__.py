"""Reviews after the work was done: what came of it, and what is learned."""
