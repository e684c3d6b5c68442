"""What is asked, one question a file; each answers with figures per round and subject."""
