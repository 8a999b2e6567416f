"""Maintenance of services, and what it means to promises and escalations."""
