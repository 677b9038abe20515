"""Whether a component of this container beats in Airflow's database: `python healthy.py TriggererJob`.

`airflow jobs check` says the same, but imports Airflow for it: every half minute in each container, and longer than a
busy machine has time for.
"""

import os
import sys

import psycopg

RUNNING = """
SELECT 1 FROM job WHERE job_type = %s AND hostname = %s AND state = 'running'
                    AND latest_heartbeat > now() - interval '2 minutes'
"""

url = os.environ["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"].replace("+psycopg", "")
with psycopg.connect(url, connect_timeout=10) as connection:
    found = connection.execute(RUNNING, (sys.argv[1], os.environ["HOSTNAME"])).fetchone()
sys.exit(found is None)
