"""Who asks: callers, roles, and the secrets that show who somebody is."""
