"""What was paid and used: summaries, the payment history, refusals, and their export as CSV."""
