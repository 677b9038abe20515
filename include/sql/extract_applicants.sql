-- One row per application: a person who applies for two jobs is two rows with two keys.
-- A column's alias is the field's path in Kombo's request body, joined with two underscores. The demo's table
-- already has such column names; for your own, write the alias: a.given_name AS candidate__first_name
SELECT
    a.applicant_id,    -- required: the row's key, never used again for anything else
    a.integration_id,  -- which customer's ATS; may be left out if the connection names one
    a.job_id,          -- required: Kombo's id, or 'remote:' and the ATS's id
    a.changed_at,      -- what the runs' windows are applied to
    a.candidate__first_name,
    a.candidate__last_name,
    a.candidate__email_address,
    a.candidate__phone_number,
    a.candidate__company,
    a.candidate__title,
    a.candidate__gender,
    a.candidate__availability_date,
    a.candidate__location__country,
    a.candidate__location__city,
    a.candidate__location__zip_code,
    a.candidate__location__street_1,
    a.candidate__salary_expectations__amount,
    a.candidate__salary_expectations__period,
    a.candidate__social_links,  -- JSON
    a.gdpr_consent__given,
    a.gdpr_consent__expires_at,
    a.screening_question_answers,  -- JSON
    a.attachments  -- JSON
FROM applicants AS a
