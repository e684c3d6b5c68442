"""The demo: a whole Tollgate with three tenants, and a story that shows what it decides."""
