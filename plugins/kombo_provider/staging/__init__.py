"""Rows of a window become deliveries in the ledger, and are counted."""
