BEGIN TRANSACTION;
CREATE TABLE kombo_deliveries (
	source TEXT NOT NULL, 
	integration_id TEXT NOT NULL, 
	applicant_id TEXT NOT NULL, 
	status TEXT NOT NULL, 
	kombo_conn_id TEXT NOT NULL, 
	endpoint TEXT NOT NULL, 
	job_id TEXT, 
	payload TEXT, 
	payload_sha256 TEXT NOT NULL, 
	has_files SMALLINT DEFAULT '0' NOT NULL, 
	problems TEXT, 
	kombo_application_id TEXT, 
	kombo_application_remote_id TEXT, 
	kombo_candidate_id TEXT, 
	kombo_candidate_remote_id TEXT, 
	resolution TEXT, 
	attempts INTEGER DEFAULT '0' NOT NULL, 
	retryable_codes INTEGER DEFAULT '0' NOT NULL, 
	ordered_resend SMALLINT DEFAULT '0' NOT NULL, 
	priority SMALLINT DEFAULT '0' NOT NULL, 
	not_before DATETIME, 
	http_status INTEGER, 
	error_code TEXT, 
	error_title TEXT, 
	error_message TEXT, 
	log_url TEXT, 
	warnings TEXT, 
	changed_at DATETIME, 
	staged_at DATETIME NOT NULL, 
	first_sent_at DATETIME, 
	sent_at DATETIME, 
	finished_at DATETIME, 
	written_back_at DATETIME, 
	email_sha256 TEXT, 
	looked_up_at DATETIME, 
	ask_after DATETIME, 
	dag_id TEXT, 
	run_id TEXT, 
	PRIMARY KEY (source, integration_id, applicant_id)
);
INSERT INTO "kombo_deliveries" VALUES('crm','greenhouse:a','1','delivered','kombo_default','application','j',NULL,'h1',0,NULL,'app-1',NULL,NULL,NULL,'response',1,0,0,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'2026-11-01 00:00:00.000000','2026-11-26 10:07:56.589517','2026-11-26 10:07:56.593415','2026-11-26 10:07:56.593415','2026-11-26 10:07:56.595772',NULL,NULL,NULL,NULL,'kombo_push','scheduled__1');
INSERT INTO "kombo_deliveries" VALUES('crm','greenhouse:a','2','rejected','kombo_default','application','j','{"candidate":{"first_name":"A","last_name":"B","email_address":"a@example.org"}}','h2',0,NULL,NULL,NULL,NULL,NULL,NULL,1,0,0,0,NULL,400,'ATS.JOB_CLOSED',NULL,NULL,NULL,NULL,'2026-11-01 00:00:00.000000','2026-11-26 10:07:56.589517','2026-11-26 10:07:56.593415','2026-11-26 10:07:56.593415','2026-11-26 10:07:56.595772',NULL,NULL,NULL,NULL,'kombo_push','scheduled__1');
INSERT INTO "kombo_deliveries" VALUES('crm','greenhouse:a','3','in_doubt','kombo_default','application','j','{"candidate":{"first_name":"A","last_name":"B","email_address":"a@example.org"}}','h3',0,NULL,NULL,NULL,NULL,NULL,NULL,1,0,0,0,NULL,NULL,NULL,'no answer',NULL,NULL,NULL,'2026-11-01 00:00:00.000000','2026-11-26 10:07:56.589517','2026-11-26 10:07:56.593415','2026-11-26 10:07:56.593415','2026-11-26 10:07:56.595772',NULL,'0000000000000000000000000000000000000000000000000000000000000000',NULL,NULL,'kombo_push','scheduled__1');
INSERT INTO "kombo_deliveries" VALUES('crm','greenhouse:a','4','sending','kombo_default','application','j','{"candidate":{"first_name":"A","last_name":"B","email_address":"a@example.org"}}','h4',0,NULL,NULL,NULL,NULL,NULL,NULL,1,0,0,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'2026-11-01 00:00:00.000000','2026-11-26 10:07:56.589517','2026-11-26 10:07:56.593415','2026-11-26 10:07:56.593415',NULL,NULL,NULL,NULL,NULL,'kombo_push','scheduled__1');
INSERT INTO "kombo_deliveries" VALUES('crm','greenhouse:a','5','invalid','kombo_default','application','j',NULL,'h5',0,'[{"field":"x","problem":"y"}]',NULL,NULL,NULL,NULL,NULL,0,0,0,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'2026-11-01 00:00:00.000000','2026-11-26 10:07:56.589517',NULL,NULL,'2026-11-26 10:07:56.589517',NULL,NULL,NULL,NULL,'kombo_push','scheduled__1');
INSERT INTO "kombo_deliveries" VALUES('crm','greenhouse:a','6','delivered','kombo_default','application','j',NULL,'h6',0,NULL,'app-6',NULL,NULL,NULL,'imported',0,0,0,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'2026-11-01 00:00:00.000000','2026-11-26 10:07:56.589517',NULL,NULL,'2026-11-26 10:07:56.589517',NULL,NULL,NULL,NULL,'kombo_push','scheduled__1');
INSERT INTO "kombo_deliveries" VALUES('crm','greenhouse:a','7','ready','kombo_default','application','j','{"candidate":{"first_name":"A","last_name":"B","email_address":"a@example.org"}}','h7',0,NULL,NULL,NULL,NULL,NULL,NULL,0,0,0,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'2026-11-01 00:00:00.000000','2026-11-26 10:07:56.589517',NULL,NULL,NULL,NULL,NULL,NULL,NULL,'kombo_push','scheduled__1');
CREATE TABLE kombo_delivery_events (
	event_id INTEGER NOT NULL, 
	source TEXT NOT NULL, 
	integration_id TEXT NOT NULL, 
	applicant_id TEXT NOT NULL, 
	from_status TEXT, 
	to_status TEXT NOT NULL, 
	at DATETIME NOT NULL, 
	dag_id TEXT, 
	run_id TEXT, 
	actor TEXT, 
	error_code TEXT, 
	http_status INTEGER, 
	duration_ms INTEGER, 
	PRIMARY KEY (event_id)
);
INSERT INTO "kombo_delivery_events" VALUES(1,'crm','greenhouse:a','1','ready','sending','2026-11-26 10:07:56.593415','kombo_push','scheduled__1','deliver',NULL,NULL,NULL);
INSERT INTO "kombo_delivery_events" VALUES(2,'crm','greenhouse:a','2','ready','sending','2026-11-26 10:07:56.593415','kombo_push','scheduled__1','deliver',NULL,NULL,NULL);
INSERT INTO "kombo_delivery_events" VALUES(3,'crm','greenhouse:a','3','ready','sending','2026-11-26 10:07:56.593415','kombo_push','scheduled__1','deliver',NULL,NULL,NULL);
INSERT INTO "kombo_delivery_events" VALUES(4,'crm','greenhouse:a','4','ready','sending','2026-11-26 10:07:56.593415','kombo_push','scheduled__1','deliver',NULL,NULL,NULL);
INSERT INTO "kombo_delivery_events" VALUES(5,'crm','greenhouse:a','1','sending','delivered','2026-11-26 10:07:56.595772','kombo_push','scheduled__1','deliver',NULL,NULL,NULL);
INSERT INTO "kombo_delivery_events" VALUES(6,'crm','greenhouse:a','3','sending','in_doubt','2026-11-26 10:07:56.595772','kombo_push','scheduled__1','deliver',NULL,NULL,NULL);
INSERT INTO "kombo_delivery_events" VALUES(7,'crm','greenhouse:a','2','sending','rejected','2026-11-26 10:07:56.595772','kombo_push','scheduled__1','deliver','ATS.JOB_CLOSED',400,NULL);
CREATE TABLE kombo_dry_run (
	source TEXT NOT NULL, 
	integration_id TEXT NOT NULL, 
	applicant_id TEXT NOT NULL, 
	decision TEXT NOT NULL, 
	becomes TEXT, 
	problems TEXT, 
	at DATETIME NOT NULL, 
	dag_id TEXT NOT NULL, 
	run_id TEXT NOT NULL
);
CREATE TABLE kombo_lanes (
	kombo_conn_id TEXT NOT NULL, 
	integration_id TEXT NOT NULL, 
	environment_id TEXT, 
	state TEXT DEFAULT 'open' NOT NULL, 
	code TEXT, 
	log_url TEXT, 
	since DATETIME, 
	paused_until DATETIME, 
	pauses INTEGER DEFAULT '0' NOT NULL, 
	cap_seen INTEGER, 
	lease_holder TEXT, 
	lease_epoch BIGINT DEFAULT '0' NOT NULL, 
	lease_expires_at DATETIME, 
	PRIMARY KEY (kombo_conn_id, integration_id)
);
INSERT INTO "kombo_lanes" VALUES('kombo_default','greenhouse:a',NULL,'open',NULL,NULL,NULL,NULL,0,NULL,'t',1,'2026-11-26 10:08:56.591569');
INSERT INTO "kombo_lanes" VALUES('kombo_default','*',NULL,'blocked','PLATFORM.AUTHENTICATION_INVALID',NULL,'2026-11-26 10:07:56.598102',NULL,0,NULL,NULL,0,NULL);
CREATE TABLE kombo_ledger_version (
	version INTEGER NOT NULL
);
INSERT INTO "kombo_ledger_version" VALUES(1);
CREATE TABLE kombo_sources (
	source TEXT NOT NULL, 
	watermark DATETIME, 
	PRIMARY KEY (source)
);
INSERT INTO "kombo_sources" VALUES('crm','2026-11-02 00:00:00.000000');
CREATE INDEX kombo_deliveries_ready ON kombo_deliveries (kombo_conn_id, integration_id, source, priority, staged_at, applicant_id) WHERE status = 'ready';
CREATE INDEX kombo_deliveries_run ON kombo_deliveries (run_id, dag_id);
CREATE INDEX kombo_deliveries_unsettled ON kombo_deliveries (kombo_conn_id, integration_id, status) WHERE status IN ('sending', 'in_doubt');
CREATE INDEX kombo_deliveries_application ON kombo_deliveries (kombo_application_id) WHERE kombo_application_id IS NOT NULL;
CREATE INDEX kombo_deliveries_to_write_back ON kombo_deliveries (source, integration_id, applicant_id) WHERE status = 'delivered' AND written_back_at IS NULL;
CREATE INDEX kombo_delivery_events_key ON kombo_delivery_events (source, integration_id, applicant_id);
CREATE INDEX kombo_delivery_events_run ON kombo_delivery_events (run_id, dag_id);
CREATE INDEX kombo_dry_run_source ON kombo_dry_run (source);
CREATE VIEW kombo_applicant_ids AS 
SELECT source, integration_id, applicant_id,
       kombo_application_id, kombo_application_remote_id, kombo_candidate_id, kombo_candidate_remote_id,
       finished_at AS delivered_at
FROM kombo_deliveries
WHERE status = 'delivered';
COMMIT;
