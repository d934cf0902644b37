"""From a connected account to a live one."""
