"""What tenants are told: events, whom to tell of them, and the durable queue between."""
