"""The services that this one asks, each behind a circuit breaker, so that one that is away costs nobody's time."""
