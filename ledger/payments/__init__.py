"""Money that comes in through payment providers, and what they take back."""
