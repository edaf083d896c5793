"""People and keys: users, sessions, service keys, managed by admins of their organisation and by the operator."""
