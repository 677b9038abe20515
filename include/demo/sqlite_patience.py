"""How long Airflow waits for its SQLite file: many processes write to it; 5 s is too little on a busy machine."""

CONNECT_ARGS = {"timeout": 60}
