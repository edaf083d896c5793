"""What operators ask for: health, readiness, metrics."""
