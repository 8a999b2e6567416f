"""Wake-ups: the next instant at which something must be looked at again, live or in a sandbox."""
