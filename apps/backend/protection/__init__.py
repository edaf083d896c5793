"""What stands before every route, from outside to inside.

- *connection*: bounded before a request exists: its head in size and time, the rest of a refused body in time;
- *request context*: the id, the headers of every answer, one line in the log;
- *entrance*: lets requests in while there is room, and answers whatever fails inside;
- *body*: of JSON read whole before a route sees it, of files bounded while they are read;
- *rate*: of known callers by who they are, of strangers by where they come from;
- *repeat*: a request that is sent again under its key is done once.
"""
