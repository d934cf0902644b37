"""The pages from a connected account to a live one."""
