"""Running the application: processes, sockets, start, drain and end."""
