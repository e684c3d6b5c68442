"""Documents on paper: what is written on an invoice or an act, and the PDF made of it."""
