"""A gateway simulator: many AI calls at once, over gRPC, as a real gateway would carry them."""
