"""What happens around every request, one concern per file, composed once per method.

`chain.Chain` is the one interceptor that the server knows.
"""
