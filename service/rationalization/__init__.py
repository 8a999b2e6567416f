"""Is a demand reasonable, and if not, what is? So far: what a policy may say."""
