"""The payment history: numbered rows that triggers keep beside the postings, read and exported."""
