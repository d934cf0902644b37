"""What a company decides about one account, and how that is changed."""
