"""Organisations and who belongs to them: users, their sessions, service keys; and the commands that make them.

Words of this folder:

- *session*: the time for which a user who signed in is known by a token;
- *service key*: what a program shows in place of a session; it has a role of its own and belongs to no user;
- *operator*: whoever runs commands on the machine: makes organisations and grants models, is no user.
"""
