"""What stands before every route: request ids, sizes, rates, headers, repeated requests."""
