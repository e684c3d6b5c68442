"""Work that goes on beside the requests: posting, sweeping, applying changes, auditing."""
