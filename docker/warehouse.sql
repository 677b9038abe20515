-- A database to try the DAGs on; a real warehouse is reached through WAREHOUSE_CONNECTION.
CREATE DATABASE warehouse;
