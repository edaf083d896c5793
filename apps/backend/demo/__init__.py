"""`make demo`: model server, evidence service and backend with a loaded example, and what to try.

Words: *stack*: the three processes that make the product, started and ended together.
"""
