"""Backtests: what other policies would have done to past requests. Simulation: what they would do to one."""
