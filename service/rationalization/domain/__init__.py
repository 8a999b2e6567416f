"""Where what a verdict requires stands. Pure: no clock, no database, no HTTP."""
