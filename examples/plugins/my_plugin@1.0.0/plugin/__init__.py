"""A sample plugin: it counts and fingerprints text."""
