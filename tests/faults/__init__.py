"""Faults of an agent and of the way to it, and what the client makes of each."""
