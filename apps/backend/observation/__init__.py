"""What is seen from outside: request ids, logs, metrics."""
