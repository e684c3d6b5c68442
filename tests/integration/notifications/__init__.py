"""Notifications on real stores, a real mail server and real HTTP servers."""
