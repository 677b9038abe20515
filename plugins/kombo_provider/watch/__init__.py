"""What is wrong for whom: judged from the ledger on a schedule of its own, and told once."""
