"""The authorization server: client credentials in, access tokens out, and the check of those tokens."""
