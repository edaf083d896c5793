"""Which model versions are served: where they come from, how they are checked, loaded beside each other and swapped.

Words of this folder:

- *source*: an address in the registry or a folder;
- *slot*: holds what is served for one source now; the *shelf* holds all slots;
- *swap*: replaces the version in a slot in one step; a request keeps the version that it began with;
- *refused*: a version that a source names and that may not serve; the one before it keeps serving;
- *trouble*: it cannot be found out or fetched what to serve; it is tried again;
- *kept*: a version that was replaced and stays in memory for a while, so that rolling back takes no loading;
- *watcher*: the thread that asks what the sources name now; a *nudge* wakes the watchers of all processes;
- *delivery*: one signed call of the registry's webhook.
"""
