"""The administrators' API: tenants, balances, tariffs, settled calls, keys, audit."""
