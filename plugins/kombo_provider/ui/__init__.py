"""The page *Kombo* in Airflow's UI: who may see what, JSON about ledgers, and scripts without a build step."""
