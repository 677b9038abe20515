"""Reads the user's SELECT: a window of it, in chunks, from any database SQLAlchemy knows."""
