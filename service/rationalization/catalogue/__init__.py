"""The types of request of a tenant: what each asks for, its steps and checklists, in versions."""
