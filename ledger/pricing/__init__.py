"""What a tariff is made of: meters, prices, increments, rounding, and the reading of documents."""
