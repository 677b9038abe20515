"""Airflow DAG: an example, a made-up person into Kombo through `POST /ats/candidates`.

The person is written out here because nobody is behind it. A real one's data belongs into a function that reads it
inside the task, as in `kombo_example_create_application`: the text of a DAG file and a run's params are shown in
Airflow's UI.
"""

from __future__ import annotations

from airflow.sdk import DAG, Param

from kombo_provider.operators import KomboCreateCandidateOperator

with DAG(
    dag_id="kombo_example_create_candidate",
    schedule=None,
    params={
        "applicant_id": Param("sample-1", type="string", description="Names the application; the same id sends once"),
        "integration_id": Param("greenhouse:4bTqXnR8vKc2LmYw7HdPz3Js", type="string"),
        "job_id": Param("7sWpGf2XkLr9TzQn4VbHyJ6c", type="string", description="Kombo's id, or remote: and the ATS's"),
    },
    doc_md=__doc__,
    tags=["kombo", "example"],
) as dag:
    KomboCreateCandidateOperator(
        task_id="create_candidate",
        source="example.candidates",
        applicant_id="{{ params.applicant_id }}",
        integration_id="{{ params.integration_id }}",
        job_id="{{ params.job_id }}",
        body={
            "candidate": {
                "first_name": "Sample",
                "last_name": "Person",
                "email_address": "sample.person@example.com",
                "social_links": [{"url": "https://social.example.com/in/sample"}],
            }
        },
    )
