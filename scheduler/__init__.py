"""The scheduled entrance: what wakes the engine and carries out what it has decided to send."""
