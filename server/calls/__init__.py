"""The gateway API: what is asked of calls, decided once for every transport."""
