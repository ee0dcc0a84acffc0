"""`retrainer demo`: real days of 2013 through the whole loop, driven only through Airflow's REST API."""
