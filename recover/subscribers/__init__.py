"""What a subscriber sees and does."""
