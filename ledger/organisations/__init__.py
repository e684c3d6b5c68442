"""Organisations: the legal entities that a tenant's documents are made out to."""
