"""The Session stream: many operations of many calls at once, and pushes that nobody asked for.

`stream.Session` carries one stream, `sessions.Sessions` knows all of this process.
"""
