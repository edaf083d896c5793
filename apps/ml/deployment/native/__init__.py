"""The routes of the native protocol under `/v1`, their shapes and documents."""
