"""Moves applicants from the source into the ledger, from the ledger to Kombo, and the ids back."""
