"""How a ladder is climbed, and who is on duty when. Pure: no clock, no database, no HTTP."""
