"""People: who they are, how they log in, which tenants they are members of, and in which roles."""
