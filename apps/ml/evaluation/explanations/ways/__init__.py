"""Ways to the favourable decision: what a person could change, how far, and whether that is alike for groups."""
