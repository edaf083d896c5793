"""What holds for every request whatever its protocol: limits, reading the body, refusals in one shape."""
