"""Who must consent before work starts: what was asked, of whom, until when, and what was answered."""
