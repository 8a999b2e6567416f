"""service.calendars: see docs/architecture.md."""
