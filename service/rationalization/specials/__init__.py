"""Special methods: what deviates from the norm, for whom, until when, and how it is undone."""
