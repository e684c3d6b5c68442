"""Top-ups: providers, their webhooks, and the work that follows from what they tell."""
