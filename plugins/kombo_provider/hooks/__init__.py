"""Airflow's door to Kombo."""
