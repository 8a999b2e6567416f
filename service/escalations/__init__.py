"""Who must know, and when. So far: what a policy may say."""
