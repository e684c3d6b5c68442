"""What notifications are made of, without a network."""
