"""Clients in other languages, made from the contract and proved against the local agent: `python -m clients`."""
