"""The edge and the composition: gRPC services, background work, settings, the command line."""
