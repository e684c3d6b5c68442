"""The live truth of funds: accounts, calls, leases and the outbox, in Redis behind one atomic script."""
