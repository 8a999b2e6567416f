"""Probes of the API, generated from its own OpenAPI document.

`document` finds the operations and every place that a caller fills in, `places` says what each refers to,
`bodies` has a right body for each operation, `world` the tenants and what they have, `matrix` the probes.
"""
