"""Which model versions are served: where they come from, how they are checked, loaded beside each other and swapped.

Words of this folder: a *source* is an address in the registry or a folder; a *slot* holds what is served for one source
now; the *shelf* holds all slots; a *swap* replaces the version in a slot in one step.
"""
