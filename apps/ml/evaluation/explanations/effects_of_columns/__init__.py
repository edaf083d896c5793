"""What the deployed rule does when a column changes, and a small tree that imitates its decisions."""
