# Airflow with this project: the same image for every component.
ARG BASE_IMAGE=apache/airflow:3.3.2-python3.11
FROM ${BASE_IMAGE}

# The lock names every package, so nothing is resolved here; the image's own constraints do not apply.
COPY --chown=airflow:0 requirements.lock /opt/kombo/
RUN pip install --no-cache-dir --no-deps --require-hashes -r /opt/kombo/requirements.lock

# Installed editable: Airflow puts plugins/ behind site-packages, where an ordinary copy would hide a mounted one.
COPY --chown=airflow:0 pyproject.toml README.md /opt/airflow/
COPY --chown=airflow:0 plugins /opt/airflow/plugins
RUN pip install --no-cache-dir --no-deps --no-build-isolation -e /opt/airflow

# Where the sandbox of docker-compose.yaml keeps its records: a volume takes over the folder's owner.
RUN mkdir /opt/airflow/sandbox

COPY --chown=airflow:0 docker/healthy.py /opt/kombo/healthy.py
COPY --chown=airflow:0 include /opt/airflow/include
COPY --chown=airflow:0 dags /opt/airflow/dags
ENV PYTHONPATH=/opt/airflow
