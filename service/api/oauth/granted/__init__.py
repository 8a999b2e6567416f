"""What was granted to applications on behalf of members: codes, families of tokens, and what was revoked."""
