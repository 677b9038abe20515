-- A database to try the DAGs on, with 300 applicants; a real warehouse is reached through WAREHOUSE_CONNECTION.
CREATE DATABASE warehouse;
\connect warehouse

CREATE TABLE applicants (
    applicant_id text PRIMARY KEY,
    integration_id text,
    job_id text,
    changed_at timestamptz,
    candidate__first_name text,
    candidate__last_name text,
    candidate__email_address text,
    candidate__phone_number text,
    candidate__company text,
    candidate__title text,
    candidate__gender text,
    candidate__availability_date date,
    candidate__location__country text,
    candidate__location__city text,
    candidate__location__zip_code text,
    candidate__location__street_1 text,
    candidate__salary_expectations__amount numeric,
    candidate__salary_expectations__period text,
    candidate__social_links jsonb,
    gdpr_consent__given boolean,
    gdpr_consent__expires_at date,
    screening_question_answers jsonb,
    attachments jsonb,
    kombo_application_id text,
    kombo_application_remote_id text,
    kombo_candidate_id text,
    kombo_candidate_remote_id text,
    kombo_delivered_at timestamptz
);

-- Older than an hour, so that the first hourly run takes them all whatever the time is.
INSERT INTO applicants (applicant_id, integration_id, job_id, changed_at, candidate__first_name, candidate__last_name,
                        candidate__email_address)
SELECT 'A-' || n, (ARRAY['greenhouse:demo', 'lever:demo', 'workday:demo'])[1 + n % 3], 'job-' || n % 7,
       now() - interval '1 hour' - n * interval '1 minute',
       (ARRAY['Ada', 'Bo', 'Chloé', 'Dário', 'Ewa'])[1 + n % 5], 'Example ' || n,
       'applicant' || n || '@example.com'
FROM generate_series(1, 300) AS n;
