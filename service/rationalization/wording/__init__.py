"""What is said to people, in templates per language, with limits."""
