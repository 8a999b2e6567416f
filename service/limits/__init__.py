"""Limits: how often a tenant may ask, how much it may keep, and its fair share of what all tenants use."""
