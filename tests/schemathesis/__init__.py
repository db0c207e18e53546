"""Schemathesis against a local agent: make test-schemathesis, make fuzz."""
