"""One stream to the service, kept open: operations go out together, results find their way back."""
