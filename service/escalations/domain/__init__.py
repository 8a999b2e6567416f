"""Who is on duty when. Pure: no clock, no database, no HTTP."""
