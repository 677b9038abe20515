"""The only truth about what was sent: tables, statuses, transactions and lanes."""
