"""The ids of delivered rows, into the user's own table."""
