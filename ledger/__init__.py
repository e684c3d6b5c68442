"""Settled truth: double entry, calls, tariffs, tenants and keys, in Postgres."""
