"""What a subscriber sees and does: the card page, a new card, and their entitlement."""
