"""Audits of files that are sent: `fairmind audit` over HTTP, and a first look at what a file holds.

Words of this folder:

- *upload*: a body on its way into a file of the service's own folder, bounded in size and time;
- *private folder*: where uploads lie, for this process alone; what a killed process left there goes at the next start;
- *query*: the options of one request, named as the command's;
- *worker*: the child process that reads one file and ends; whatever a file does, it does it there;
- *place*: what a request needs before its body is read; there are a few, the rest is told to come back;
- *turn*: what a request with a place waits for before its worker starts.

A file is never read in the process that serves. docs/api/audits_over_http.md says what is answered.
"""
