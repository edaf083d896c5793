"""The registry over HTTP: what is known about model versions, and which of them is the champion.

Words of this folder:

- *watch*: keeps the tracking store open and looks whether it answers;
- *store work*: reading or changing the store, in a few threads, never longer than its caller waits;
- *kept*: what was read before and cannot change, in bounded memory;
- *document*: a published file of a run, under a name from a closed list;
- *act*: a promotion or a roll back; it is recorded before it is done.
"""
