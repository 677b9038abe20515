"""The demo: a warehouse of made-up applicants, and one real Airflow run that delivers them to the sandbox."""
