"""The domain: what a people's congress does with its deputies' suggestions, as YAML and the little Python it needs."""
