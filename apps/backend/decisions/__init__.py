"""Decisions about applications: asked, explained, appealed, overruled, and what came of them."""
