"""The web console «Оплата»: pages over the same services as gRPC, for people with a browser."""
