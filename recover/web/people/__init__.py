"""Signing in, the team, sessions and passkeys."""
