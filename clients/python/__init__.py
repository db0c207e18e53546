"""The conformance scenario in Python: by the SDK, and by the generated client alone."""
