"""Rooted: promises for IT operations, their clocks, and why. See docs/architecture.md."""
