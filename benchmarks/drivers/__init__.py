"""Gateways in processes of their own. Each reads a job from its standard input and writes what it
found to its standard output, both as JSON.
"""
