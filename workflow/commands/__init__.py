"""The commands of `tibandu`, one noun per file; cli.py puts them together."""
