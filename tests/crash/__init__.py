"""Crashes on purpose: what must hold afterwards (check), the place and people (story), faults (faults), SIGKILL runs (run)."""
