"""tibandu."""
