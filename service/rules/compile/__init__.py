"""Conditions to what durable-rules may be given: comparisons of one fact with a small integer. Pure.

`columns` turns values into codes, `atoms` and `terms` turn conditions into sets of codes, `shards` writes
those for the C module within its limits, `plan` joins them. What no set of codes can express is left to the
reference evaluator and enters as a column of its own with three codes: error, false, true.
"""
