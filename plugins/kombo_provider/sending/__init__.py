"""From the ledger to Kombo: lanes, pacing, and the threads that do HTTP."""
