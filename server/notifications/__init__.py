"""What tenants are told: the messages, the channels they go by, and the RPCs around them."""
