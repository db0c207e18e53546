"""What calls, imports, pages and rows take, beside what they take by other clients: `python -m benchmarks --help`."""
