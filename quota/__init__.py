"""The live truth of funds, in Redis: accounts, calls, leases, outbox, behind one script."""
