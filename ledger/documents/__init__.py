"""Documents: invoices and acts, numbered without gaps, stored as they were sent."""
