"""The pages that people see: log-in, account, invitations, consent. Made by the server, without scripts.

What others need: `site.Site` (the dependency `site`), `asking.consent` and `asking.refused`.
"""
