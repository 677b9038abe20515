"""What Kombo knows of the applications: pulled, stored, and the ledger completed from it."""
