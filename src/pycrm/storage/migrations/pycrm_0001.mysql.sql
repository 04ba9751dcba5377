CREATE TABLE automation_run (
    tenant VARCHAR(64) NOT NULL, 
    id BINARY(16) NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at DATETIME(6) NOT NULL, 
    added_by LONGTEXT, 
    added_because LONGTEXT, 
    process VARCHAR(255) NOT NULL, 
    `key` VARCHAR(255) NOT NULL, 
    at DATETIME(6) NOT NULL, 
    items BIGINT NOT NULL, 
    basis LONGTEXT, 
    document LONGTEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_automation_run_process_key UNIQUE (tenant, process, `key`, live)
)CHARSET=utf8mb4 ENGINE=InnoDB COLLATE utf8mb4_0900_bin;
CREATE INDEX ix_automation_run_at ON automation_run (tenant, at, id);
CREATE TABLE campaign (
    tenant VARCHAR(64) NOT NULL, 
    id BINARY(16) NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at DATETIME(6) NOT NULL, 
    added_by LONGTEXT, 
    added_because LONGTEXT, 
    code VARCHAR(255) NOT NULL, 
    name LONGTEXT NOT NULL, 
    objective LONGTEXT NOT NULL, 
    kind LONGTEXT NOT NULL, 
    text LONGTEXT NOT NULL, 
    status LONGTEXT NOT NULL, 
    segment VARCHAR(255), 
    open_list TINYINT(1) NOT NULL, 
    purpose LONGTEXT NOT NULL, 
    channel LONGTEXT NOT NULL, 
    parent_id BINARY(16), 
    document LONGTEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_campaign_code UNIQUE (tenant, code, live)
)CHARSET=utf8mb4 ENGINE=InnoDB COLLATE utf8mb4_0900_bin;
CREATE INDEX ix_campaign_segment ON campaign (tenant, segment, id);
CREATE TABLE capture_form (
    tenant VARCHAR(64) NOT NULL, 
    id BINARY(16) NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at DATETIME(6) NOT NULL, 
    added_by LONGTEXT, 
    added_because LONGTEXT, 
    code VARCHAR(255) NOT NULL, 
    channel LONGTEXT NOT NULL, 
    text_version LONGTEXT NOT NULL, 
    most BIGINT NOT NULL, 
    document LONGTEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_capture_form_code UNIQUE (tenant, code, live)
)CHARSET=utf8mb4 ENGINE=InnoDB COLLATE utf8mb4_0900_bin;
CREATE TABLE change_feed (
    tenant VARCHAR(64) NOT NULL, 
    id BINARY(16) NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at DATETIME(6) NOT NULL, 
    added_by LONGTEXT, 
    added_because LONGTEXT, 
    epoch BINARY(16) NOT NULL, 
    first BIGINT NOT NULL, 
    last BIGINT NOT NULL, 
    retold BIGINT NOT NULL, 
    document LONGTEXT, 
    PRIMARY KEY (tenant, id)
)CHARSET=utf8mb4 ENGINE=InnoDB COLLATE utf8mb4_0900_bin;
CREATE TABLE content (
    tenant VARCHAR(64) NOT NULL, 
    id BINARY(16) NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at DATETIME(6) NOT NULL, 
    added_by LONGTEXT, 
    added_because LONGTEXT, 
    code VARCHAR(255) NOT NULL, 
    title LONGTEXT NOT NULL, 
    kind LONGTEXT NOT NULL, 
    asset LONGTEXT, 
    document LONGTEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_content_code UNIQUE (tenant, code, live)
)CHARSET=utf8mb4 ENGINE=InnoDB COLLATE utf8mb4_0900_bin;
CREATE TABLE customer (
    tenant VARCHAR(64) NOT NULL, 
    id BINARY(16) NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at DATETIME(6) NOT NULL, 
    added_by LONGTEXT, 
    added_because LONGTEXT, 
    kind LONGTEXT NOT NULL, 
    birth_date DATE, 
    gender LONGTEXT, 
    language LONGTEXT, 
    zone LONGTEXT, 
    country VARCHAR(255), 
    job_title LONGTEXT, 
    department LONGTEXT, 
    source VARCHAR(255), 
    owner_id BINARY(16), 
    first_touch_at DATETIME(6), 
    identified_at DATETIME(6), 
    is_deceased TINYINT(1) NOT NULL, 
    processing LONGTEXT NOT NULL, 
    name_family VARCHAR(255), 
    name_given VARCHAR(255), 
    name_full VARCHAR(255), 
    organisation_name VARCHAR(255), 
    organisation_parent_id BINARY(16), 
    document LONGTEXT, 
    PRIMARY KEY (tenant, id)
)CHARSET=utf8mb4 ENGINE=InnoDB COLLATE utf8mb4_0900_bin;
CREATE INDEX ix_customer_country ON customer (tenant, country, id);
CREATE INDEX ix_customer_name_family ON customer (tenant, name_family, id);
CREATE INDEX ix_customer_name_full ON customer (tenant, name_full, id);
CREATE INDEX ix_customer_name_given ON customer (tenant, name_given, id);
CREATE INDEX ix_customer_organisation_name ON customer (tenant, organisation_name, id);
CREATE INDEX ix_customer_organisation_parent_id ON customer (tenant, organisation_parent_id, id);
CREATE INDEX ix_customer_owner_id ON customer (tenant, owner_id, id);
CREATE INDEX ix_customer_source ON customer (tenant, source, id);
CREATE TABLE earning_rule (
    tenant VARCHAR(64) NOT NULL, 
    id BINARY(16) NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at DATETIME(6) NOT NULL, 
    added_by LONGTEXT, 
    added_because LONGTEXT, 
    code VARCHAR(255) NOT NULL, 
    program VARCHAR(255) NOT NULL, 
    event LONGTEXT NOT NULL, 
    mode LONGTEXT NOT NULL, 
    points BIGINT NOT NULL, 
    document LONGTEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_earning_rule_program_code UNIQUE (tenant, program, code, live)
)CHARSET=utf8mb4 ENGINE=InnoDB COLLATE utf8mb4_0900_bin;
CREATE TABLE experiment (
    tenant VARCHAR(64) NOT NULL, 
    id BINARY(16) NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at DATETIME(6) NOT NULL, 
    added_by LONGTEXT, 
    added_because LONGTEXT, 
    code VARCHAR(255) NOT NULL, 
    name LONGTEXT NOT NULL, 
    hypothesis LONGTEXT, 
    control LONGTEXT NOT NULL, 
    holdout DOUBLE NOT NULL, 
    metric LONGTEXT NOT NULL, 
    sample_size BIGINT, 
    campaign_id BINARY(16), 
    follows BINARY(16), 
    document LONGTEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_experiment_code UNIQUE (tenant, code, live)
)CHARSET=utf8mb4 ENGINE=InnoDB COLLATE utf8mb4_0900_bin;
CREATE INDEX ix_experiment_follows ON experiment (tenant, follows, id);
CREATE TABLE feed_event (
    tenant VARCHAR(64) NOT NULL, 
    id BINARY(16) NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at DATETIME(6) NOT NULL, 
    added_by LONGTEXT, 
    added_because LONGTEXT, 
    position BIGINT NOT NULL, 
    type LONGTEXT NOT NULL, 
    body LONGTEXT NOT NULL, 
    at DATETIME(6) NOT NULL, 
    document LONGTEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_feed_event_position UNIQUE (tenant, position, live)
)CHARSET=utf8mb4 ENGINE=InnoDB COLLATE utf8mb4_0900_bin;
CREATE TABLE feed_reader (
    tenant VARCHAR(64) NOT NULL, 
    id BINARY(16) NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at DATETIME(6) NOT NULL, 
    added_by LONGTEXT, 
    added_because LONGTEXT, 
    name LONGTEXT NOT NULL, 
    position BIGINT NOT NULL, 
    document LONGTEXT, 
    PRIMARY KEY (tenant, id)
)CHARSET=utf8mb4 ENGINE=InnoDB COLLATE utf8mb4_0900_bin;
CREATE TABLE import_run (
    tenant VARCHAR(64) NOT NULL, 
    id BINARY(16) NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at DATETIME(6) NOT NULL, 
    added_by LONGTEXT, 
    added_because LONGTEXT, 
    source VARCHAR(255) NOT NULL, 
    `key` VARCHAR(255) NOT NULL, 
    started_at DATETIME(6) NOT NULL, 
    finished_at DATETIME(6), 
    dry_run TINYINT(1) NOT NULL, 
    document LONGTEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_import_run_source_key UNIQUE (tenant, source, `key`, live)
)CHARSET=utf8mb4 ENGINE=InnoDB COLLATE utf8mb4_0900_bin;
CREATE INDEX ix_import_run_started_at ON import_run (tenant, started_at, id);
CREATE TABLE knowledge_plan (
    tenant VARCHAR(64) NOT NULL, 
    id BINARY(16) NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at DATETIME(6) NOT NULL, 
    added_by LONGTEXT, 
    added_because LONGTEXT, 
    code VARCHAR(255) NOT NULL, 
    revision BIGINT NOT NULL, 
    sure DOUBLE NOT NULL, 
    stop_after BIGINT NOT NULL, 
    patience DOUBLE NOT NULL, 
    document LONGTEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_knowledge_plan_code_revision UNIQUE (tenant, code, revision, live)
)CHARSET=utf8mb4 ENGINE=InnoDB COLLATE utf8mb4_0900_bin;
CREATE TABLE lead_magnet (
    tenant VARCHAR(64) NOT NULL, 
    id BINARY(16) NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at DATETIME(6) NOT NULL, 
    added_by LONGTEXT, 
    added_because LONGTEXT, 
    code VARCHAR(255) NOT NULL, 
    title LONGTEXT NOT NULL, 
    asset LONGTEXT NOT NULL, 
    form LONGTEXT NOT NULL, 
    document LONGTEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_lead_magnet_code UNIQUE (tenant, code, live)
)CHARSET=utf8mb4 ENGINE=InnoDB COLLATE utf8mb4_0900_bin;
CREATE TABLE newsletter (
    tenant VARCHAR(64) NOT NULL, 
    id BINARY(16) NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at DATETIME(6) NOT NULL, 
    added_by LONGTEXT, 
    added_because LONGTEXT, 
    code VARCHAR(255) NOT NULL, 
    title LONGTEXT NOT NULL, 
    purpose LONGTEXT NOT NULL, 
    channel LONGTEXT NOT NULL, 
    editorial BIGINT NOT NULL, 
    products BIGINT NOT NULL, 
    least_match DOUBLE NOT NULL, 
    document LONGTEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_newsletter_code UNIQUE (tenant, code, live)
)CHARSET=utf8mb4 ENGINE=InnoDB COLLATE utf8mb4_0900_bin;
CREATE TABLE nurture_sequence (
    tenant VARCHAR(64) NOT NULL, 
    id BINARY(16) NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at DATETIME(6) NOT NULL, 
    added_by LONGTEXT, 
    added_because LONGTEXT, 
    code VARCHAR(255) NOT NULL, 
    revision BIGINT NOT NULL, 
    source LONGTEXT, 
    purpose LONGTEXT NOT NULL, 
    channel LONGTEXT NOT NULL, 
    document LONGTEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_nurture_sequence_code_revision UNIQUE (tenant, code, revision, live)
)CHARSET=utf8mb4 ENGINE=InnoDB COLLATE utf8mb4_0900_bin;
CREATE TABLE offer (
    tenant VARCHAR(64) NOT NULL, 
    id BINARY(16) NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at DATETIME(6) NOT NULL, 
    added_by LONGTEXT, 
    added_because LONGTEXT, 
    code VARCHAR(255) NOT NULL, 
    name LONGTEXT NOT NULL, 
    kind LONGTEXT NOT NULL, 
    percent NUMERIC(18, 6), 
    purpose LONGTEXT NOT NULL, 
    priority BIGINT NOT NULL, 
    fallback TINYINT(1) NOT NULL, 
    stock BIGINT, 
    max_per_customer BIGINT, 
    never_bought TINYINT(1) NOT NULL, 
    suppress_buyers TINYINT(1) NOT NULL, 
    stackable TINYINT(1) NOT NULL, 
    document LONGTEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_offer_code UNIQUE (tenant, code, live)
)CHARSET=utf8mb4 ENGINE=InnoDB COLLATE utf8mb4_0900_bin;
CREATE INDEX ix_offer_priority ON offer (tenant, priority, id);
CREATE TABLE pipeline (
    tenant VARCHAR(64) NOT NULL, 
    id BINARY(16) NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at DATETIME(6) NOT NULL, 
    added_by LONGTEXT, 
    added_because LONGTEXT, 
    code VARCHAR(255) NOT NULL, 
    revision BIGINT NOT NULL, 
    document LONGTEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_pipeline_code_revision UNIQUE (tenant, code, revision, live)
)CHARSET=utf8mb4 ENGINE=InnoDB COLLATE utf8mb4_0900_bin;
CREATE TABLE play (
    tenant VARCHAR(64) NOT NULL, 
    id BINARY(16) NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at DATETIME(6) NOT NULL, 
    added_by LONGTEXT, 
    added_because LONGTEXT, 
    code VARCHAR(255) NOT NULL, 
    revision BIGINT NOT NULL, 
    stage LONGTEXT NOT NULL, 
    `trigger` LONGTEXT NOT NULL, 
    action LONGTEXT NOT NULL, 
    text LONGTEXT NOT NULL, 
    kind LONGTEXT NOT NULL, 
    purpose LONGTEXT NOT NULL, 
    channel LONGTEXT NOT NULL, 
    document LONGTEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_play_code_revision UNIQUE (tenant, code, revision, live)
)CHARSET=utf8mb4 ENGINE=InnoDB COLLATE utf8mb4_0900_bin;
CREATE TABLE product (
    tenant VARCHAR(64) NOT NULL, 
    id BINARY(16) NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at DATETIME(6) NOT NULL, 
    added_by LONGTEXT, 
    added_because LONGTEXT, 
    sku VARCHAR(255) NOT NULL, 
    name LONGTEXT NOT NULL, 
    document LONGTEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_product_sku UNIQUE (tenant, sku, live)
)CHARSET=utf8mb4 ENGINE=InnoDB COLLATE utf8mb4_0900_bin;
CREATE TABLE profiling_policy (
    tenant VARCHAR(64) NOT NULL, 
    id BINARY(16) NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at DATETIME(6) NOT NULL, 
    added_by LONGTEXT, 
    added_because LONGTEXT, 
    purpose VARCHAR(255) NOT NULL, 
    basis LONGTEXT NOT NULL, 
    double_opt_in TINYINT(1) NOT NULL, 
    document LONGTEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_profiling_policy_purpose UNIQUE (tenant, purpose, live)
)CHARSET=utf8mb4 ENGINE=InnoDB COLLATE utf8mb4_0900_bin;
CREATE TABLE program_budget (
    tenant VARCHAR(64) NOT NULL, 
    id BINARY(16) NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at DATETIME(6) NOT NULL, 
    added_by LONGTEXT, 
    added_because LONGTEXT, 
    program VARCHAR(255) NOT NULL, 
    max_points BIGINT NOT NULL, 
    given BIGINT NOT NULL, 
    closed_at DATETIME(6), 
    document LONGTEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_program_budget_program UNIQUE (tenant, program, live)
)CHARSET=utf8mb4 ENGINE=InnoDB COLLATE utf8mb4_0900_bin;
CREATE TABLE pycrm_audit (
    tenant VARCHAR(64) NOT NULL, 
    model VARCHAR(64) NOT NULL, 
    id BINARY(16) NOT NULL, 
    version BIGINT NOT NULL, 
    action VARCHAR(64) NOT NULL, 
    at DATETIME(6) NOT NULL, 
    actor LONGTEXT, 
    cause LONGTEXT, 
    fields LONGTEXT, 
    PRIMARY KEY (tenant, model, id, version)
)CHARSET=utf8mb4 ENGINE=InnoDB COLLATE utf8mb4_0900_bin;
CREATE TABLE pycrm_lease (
    tenant VARCHAR(64) NOT NULL, 
    name VARCHAR(64) NOT NULL, 
    holder LONGTEXT NOT NULL, 
    until DATETIME(6) NOT NULL, 
    PRIMARY KEY (tenant, name)
)CHARSET=utf8mb4 ENGINE=InnoDB COLLATE utf8mb4_0900_bin;
CREATE TABLE pycrm_outbox (
    tenant VARCHAR(64) NOT NULL, 
    id BINARY(16) NOT NULL, 
    at DATETIME(6) NOT NULL, 
    position BIGINT NOT NULL, 
    type LONGTEXT NOT NULL, 
    payload LONGTEXT NOT NULL, 
    PRIMARY KEY (tenant, id)
)CHARSET=utf8mb4 ENGINE=InnoDB COLLATE utf8mb4_0900_bin;
CREATE INDEX ix_pycrm_outbox_order ON pycrm_outbox (tenant, at, position, id);
CREATE TABLE pycrm_result (
    tenant VARCHAR(64) NOT NULL, 
    `key` VARCHAR(255) NOT NULL, 
    at DATETIME(6) NOT NULL, 
    result LONGTEXT NOT NULL, 
    PRIMARY KEY (tenant, `key`)
)CHARSET=utf8mb4 ENGINE=InnoDB COLLATE utf8mb4_0900_bin;
CREATE TABLE pycrm_search (
    tenant VARCHAR(64) NOT NULL, 
    model VARCHAR(64) NOT NULL, 
    path VARCHAR(64) NOT NULL, 
    value VARCHAR(255) NOT NULL, 
    id BINARY(16) NOT NULL, 
    PRIMARY KEY (tenant, model, path, value, id)
)CHARSET=utf8mb4 ENGINE=InnoDB COLLATE utf8mb4_0900_bin;
CREATE TABLE pycrm_unique (
    tenant VARCHAR(64) NOT NULL, 
    model VARCHAR(64) NOT NULL, 
    rule VARCHAR(64) NOT NULL, 
    value VARCHAR(255) NOT NULL, 
    id BINARY(16) NOT NULL, 
    PRIMARY KEY (tenant, model, rule, value)
)CHARSET=utf8mb4 ENGINE=InnoDB COLLATE utf8mb4_0900_bin;
CREATE TABLE referral_program (
    tenant VARCHAR(64) NOT NULL, 
    id BINARY(16) NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at DATETIME(6) NOT NULL, 
    added_by LONGTEXT, 
    added_because LONGTEXT, 
    code VARCHAR(255) NOT NULL, 
    program LONGTEXT NOT NULL, 
    advocate_points BIGINT NOT NULL, 
    friend_points BIGINT NOT NULL, 
    `limit` BIGINT, 
    program_limit BIGINT, 
    velocity BIGINT NOT NULL, 
    household LONGTEXT NOT NULL, 
    document LONGTEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_referral_program_code UNIQUE (tenant, code, live)
)CHARSET=utf8mb4 ENGINE=InnoDB COLLATE utf8mb4_0900_bin;
CREATE TABLE response_book (
    tenant VARCHAR(64) NOT NULL, 
    id BINARY(16) NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at DATETIME(6) NOT NULL, 
    added_by LONGTEXT, 
    added_because LONGTEXT, 
    code VARCHAR(255) NOT NULL, 
    longest BIGINT NOT NULL, 
    away LONGTEXT, 
    document LONGTEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_response_book_code UNIQUE (tenant, code, live)
)CHARSET=utf8mb4 ENGINE=InnoDB COLLATE utf8mb4_0900_bin;
CREATE TABLE reward (
    tenant VARCHAR(64) NOT NULL, 
    id BINARY(16) NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at DATETIME(6) NOT NULL, 
    added_by LONGTEXT, 
    added_because LONGTEXT, 
    code VARCHAR(255) NOT NULL, 
    program VARCHAR(255) NOT NULL, 
    name LONGTEXT NOT NULL, 
    kind LONGTEXT NOT NULL, 
    cost BIGINT NOT NULL, 
    sku LONGTEXT, 
    percent NUMERIC(18, 6), 
    stock BIGINT, 
    document LONGTEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_reward_program_code UNIQUE (tenant, program, code, live)
)CHARSET=utf8mb4 ENGINE=InnoDB COLLATE utf8mb4_0900_bin;
CREATE TABLE segment (
    tenant VARCHAR(64) NOT NULL, 
    id BINARY(16) NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at DATETIME(6) NOT NULL, 
    added_by LONGTEXT, 
    added_because LONGTEXT, 
    name VARCHAR(255) NOT NULL, 
    description LONGTEXT, 
    document LONGTEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_segment_name UNIQUE (tenant, name, live)
)CHARSET=utf8mb4 ENGINE=InnoDB COLLATE utf8mb4_0900_bin;
CREATE TABLE snapshot (
    tenant VARCHAR(64) NOT NULL, 
    id BINARY(16) NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at DATETIME(6) NOT NULL, 
    added_by LONGTEXT, 
    added_because LONGTEXT, 
    run VARCHAR(255) NOT NULL, 
    as_of DATE NOT NULL, 
    since DATE NOT NULL, 
    until DATETIME(6) NOT NULL, 
    currency LONGTEXT NOT NULL, 
    customers BIGINT NOT NULL, 
    orders BIGINT NOT NULL, 
    refunds BIGINT NOT NULL, 
    expenses BIGINT NOT NULL, 
    facts BIGINT NOT NULL, 
    interactions BIGINT NOT NULL, 
    policy LONGTEXT, 
    scoring LONGTEXT, 
    document LONGTEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_snapshot_run_as_of UNIQUE (tenant, run, as_of, live)
)CHARSET=utf8mb4 ENGINE=InnoDB COLLATE utf8mb4_0900_bin;
CREATE INDEX ix_snapshot_as_of ON snapshot (tenant, as_of, id);
CREATE TABLE source_record (
    tenant VARCHAR(64) NOT NULL, 
    id BINARY(16) NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at DATETIME(6) NOT NULL, 
    added_by LONGTEXT, 
    added_because LONGTEXT, 
    source VARCHAR(255) NOT NULL, 
    `key` VARCHAR(255) NOT NULL, 
    received_at DATETIME(6) NOT NULL, 
    document LONGTEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_source_record_source_key UNIQUE (tenant, source, `key`, live)
)CHARSET=utf8mb4 ENGINE=InnoDB COLLATE utf8mb4_0900_bin;
CREATE INDEX ix_source_record_received_at ON source_record (tenant, received_at, id);
CREATE TABLE strategy (
    tenant VARCHAR(64) NOT NULL, 
    id BINARY(16) NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at DATETIME(6) NOT NULL, 
    added_by LONGTEXT, 
    added_because LONGTEXT, 
    code VARCHAR(255) NOT NULL, 
    revision BIGINT NOT NULL, 
    segment VARCHAR(255), 
    aim LONGTEXT NOT NULL, 
    priority BIGINT NOT NULL, 
    document LONGTEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_strategy_code_revision UNIQUE (tenant, code, revision, live)
)CHARSET=utf8mb4 ENGINE=InnoDB COLLATE utf8mb4_0900_bin;
CREATE INDEX ix_strategy_segment ON strategy (tenant, segment, id);
CREATE TABLE subject_request (
    tenant VARCHAR(64) NOT NULL, 
    id BINARY(16) NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at DATETIME(6) NOT NULL, 
    added_by LONGTEXT, 
    added_because LONGTEXT, 
    kind VARCHAR(255) NOT NULL, 
    customer_id BINARY(16) NOT NULL, 
    received_at DATETIME(6) NOT NULL, 
    done_at DATETIME(6) NOT NULL, 
    reason LONGTEXT NOT NULL, 
    document LONGTEXT, 
    PRIMARY KEY (tenant, id)
)CHARSET=utf8mb4 ENGINE=InnoDB COLLATE utf8mb4_0900_bin;
CREATE INDEX ix_subject_request_customer_id ON subject_request (tenant, customer_id, id);
CREATE INDEX ix_subject_request_kind_done_at ON subject_request (tenant, kind, done_at, id);
CREATE TABLE template (
    tenant VARCHAR(64) NOT NULL, 
    id BINARY(16) NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at DATETIME(6) NOT NULL, 
    added_by LONGTEXT, 
    added_because LONGTEXT, 
    code VARCHAR(255) NOT NULL, 
    revision BIGINT NOT NULL, 
    language VARCHAR(255), 
    document LONGTEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_template_code_revision_language UNIQUE (tenant, code, revision, language, live)
)CHARSET=utf8mb4 ENGINE=InnoDB COLLATE utf8mb4_0900_bin;
CREATE TABLE treatment_plan (
    tenant VARCHAR(64) NOT NULL, 
    id BINARY(16) NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at DATETIME(6) NOT NULL, 
    added_by LONGTEXT, 
    added_because LONGTEXT, 
    edition VARCHAR(255) NOT NULL, 
    valid_from DATE, 
    document LONGTEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_treatment_plan_edition UNIQUE (tenant, edition, live)
)CHARSET=utf8mb4 ENGINE=InnoDB COLLATE utf8mb4_0900_bin;
CREATE TABLE assessment (
    tenant VARCHAR(64) NOT NULL, 
    id BINARY(16) NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at DATETIME(6) NOT NULL, 
    added_by LONGTEXT, 
    added_because LONGTEXT, 
    customer_id BINARY(16) NOT NULL, 
    run VARCHAR(255) NOT NULL, 
    as_of DATE NOT NULL, 
    since DATE NOT NULL, 
    orders BIGINT NOT NULL, 
    probability_alive DOUBLE, 
    recency_score BIGINT, 
    frequency_score BIGINT, 
    monetary_score BIGINT, 
    segment LONGTEXT, 
    tier VARCHAR(255) NOT NULL, 
    needs LONGTEXT, 
    fit_score BIGINT, 
    engagement_score BIGINT, 
    grade LONGTEXT, 
    policy LONGTEXT, 
    refunds BIGINT NOT NULL, 
    expenses BIGINT NOT NULL, 
    facts BIGINT NOT NULL, 
    interactions BIGINT NOT NULL, 
    document LONGTEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_assessment_customer_id_run_as_of UNIQUE (tenant, customer_id, run, as_of, live), 
    CONSTRAINT fk_assessment_customer_id FOREIGN KEY(tenant, customer_id) REFERENCES customer (tenant, id)
)CHARSET=utf8mb4 ENGINE=InnoDB COLLATE utf8mb4_0900_bin;
CREATE INDEX ix_assessment_customer_id ON assessment (tenant, customer_id, id);
CREATE INDEX ix_assessment_run_as_of ON assessment (tenant, run, as_of, id);
CREATE INDEX ix_assessment_tier ON assessment (tenant, tier, id);
CREATE TABLE assignment (
    tenant VARCHAR(64) NOT NULL, 
    id BINARY(16) NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at DATETIME(6) NOT NULL, 
    added_by LONGTEXT, 
    added_because LONGTEXT, 
    experiment_id BINARY(16) NOT NULL, 
    customer_id BINARY(16) NOT NULL, 
    arm LONGTEXT NOT NULL, 
    assigned_at DATETIME(6) NOT NULL, 
    stratum LONGTEXT, 
    document LONGTEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_assignment_experiment_id_customer_id UNIQUE (tenant, experiment_id, customer_id, live), 
    CONSTRAINT fk_assignment_experiment_id FOREIGN KEY(tenant, experiment_id) REFERENCES experiment (tenant, id), 
    CONSTRAINT fk_assignment_customer_id FOREIGN KEY(tenant, customer_id) REFERENCES customer (tenant, id)
)CHARSET=utf8mb4 ENGINE=InnoDB COLLATE utf8mb4_0900_bin;
CREATE INDEX ix_assignment_customer_id ON assignment (tenant, customer_id, id);
CREATE INDEX ix_assignment_experiment_id_assigned_at ON assignment (tenant, experiment_id, assigned_at, id);
CREATE TABLE campaign_member (
    tenant VARCHAR(64) NOT NULL, 
    id BINARY(16) NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at DATETIME(6) NOT NULL, 
    added_by LONGTEXT, 
    added_because LONGTEXT, 
    campaign_id BINARY(16) NOT NULL, 
    customer_id BINARY(16) NOT NULL, 
    listed_at DATETIME(6) NOT NULL, 
    document LONGTEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_campaign_member_campaign_id_customer_id UNIQUE (tenant, campaign_id, customer_id, live), 
    CONSTRAINT fk_campaign_member_campaign_id FOREIGN KEY(tenant, campaign_id) REFERENCES campaign (tenant, id), 
    CONSTRAINT fk_campaign_member_customer_id FOREIGN KEY(tenant, customer_id) REFERENCES customer (tenant, id)
)CHARSET=utf8mb4 ENGINE=InnoDB COLLATE utf8mb4_0900_bin;
CREATE INDEX ix_campaign_member_campaign_id ON campaign_member (tenant, campaign_id, id);
CREATE INDEX ix_campaign_member_customer_id ON campaign_member (tenant, customer_id, id);
CREATE TABLE chat_session (
    tenant VARCHAR(64) NOT NULL, 
    id BINARY(16) NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at DATETIME(6) NOT NULL, 
    added_by LONGTEXT, 
    added_because LONGTEXT, 
    customer_id BINARY(16), 
    anonymous_id VARCHAR(255), 
    opened_at DATETIME(6) NOT NULL, 
    closed_at DATETIME(6), 
    outcome LONGTEXT, 
    document LONGTEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT fk_chat_session_customer_id FOREIGN KEY(tenant, customer_id) REFERENCES customer (tenant, id)
)CHARSET=utf8mb4 ENGINE=InnoDB COLLATE utf8mb4_0900_bin;
CREATE INDEX ix_chat_session_anonymous_id ON chat_session (tenant, anonymous_id, id);
CREATE INDEX ix_chat_session_customer_id ON chat_session (tenant, customer_id, id);
CREATE TABLE consent_entry (
    tenant VARCHAR(64) NOT NULL, 
    id BINARY(16) NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at DATETIME(6) NOT NULL, 
    added_by LONGTEXT, 
    added_because LONGTEXT, 
    customer_id BINARY(16) NOT NULL, 
    purpose LONGTEXT NOT NULL, 
    channel LONGTEXT, 
    status LONGTEXT NOT NULL, 
    legal_basis LONGTEXT NOT NULL, 
    captured_at DATETIME(6) NOT NULL, 
    capture_source LONGTEXT NOT NULL, 
    text_version LONGTEXT, 
    double_opt_in_at DATETIME(6), 
    brand LONGTEXT, 
    evidence LONGTEXT, 
    document LONGTEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT fk_consent_entry_customer_id FOREIGN KEY(tenant, customer_id) REFERENCES customer (tenant, id)
)CHARSET=utf8mb4 ENGINE=InnoDB COLLATE utf8mb4_0900_bin;
CREATE INDEX ix_consent_entry_customer_id_captured_at ON consent_entry (tenant, customer_id, captured_at, id);
CREATE TABLE contact_intent (
    tenant VARCHAR(64) NOT NULL, 
    id BINARY(16) NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at DATETIME(6) NOT NULL, 
    added_by LONGTEXT, 
    added_because LONGTEXT, 
    customer_id BINARY(16) NOT NULL, 
    run VARCHAR(255) NOT NULL, 
    as_of DATE NOT NULL, 
    created_at DATETIME(6) NOT NULL, 
    kind LONGTEXT NOT NULL, 
    topic LONGTEXT NOT NULL, 
    text LONGTEXT NOT NULL, 
    channel LONGTEXT NOT NULL, 
    address LONGTEXT, 
    purpose LONGTEXT NOT NULL, 
    send_at DATETIME(6) NOT NULL, 
    plan LONGTEXT, 
    campaign_id BINARY(16), 
    document LONGTEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT fk_contact_intent_customer_id FOREIGN KEY(tenant, customer_id) REFERENCES customer (tenant, id)
)CHARSET=utf8mb4 ENGINE=InnoDB COLLATE utf8mb4_0900_bin;
CREATE INDEX ix_contact_intent_customer_id_created_at ON contact_intent (tenant, customer_id, created_at, id);
CREATE INDEX ix_contact_intent_run_as_of ON contact_intent (tenant, run, as_of, id);
CREATE TABLE contact_policy (
    tenant VARCHAR(64) NOT NULL, 
    id BINARY(16) NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at DATETIME(6) NOT NULL, 
    added_by LONGTEXT, 
    added_because LONGTEXT, 
    customer_id BINARY(16), 
    purpose LONGTEXT, 
    zone LONGTEXT NOT NULL, 
    preferred LONGTEXT, 
    only_preferred TINYINT(1) NOT NULL, 
    document LONGTEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT fk_contact_policy_customer_id FOREIGN KEY(tenant, customer_id) REFERENCES customer (tenant, id)
)CHARSET=utf8mb4 ENGINE=InnoDB COLLATE utf8mb4_0900_bin;
CREATE INDEX ix_contact_policy_customer_id ON contact_policy (tenant, customer_id, id);
CREATE TABLE contribution (
    tenant VARCHAR(64) NOT NULL, 
    id BINARY(16) NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at DATETIME(6) NOT NULL, 
    added_by LONGTEXT, 
    added_because LONGTEXT, 
    author_id BINARY(16) NOT NULL, 
    kind LONGTEXT NOT NULL, 
    `key` VARCHAR(255) NOT NULL, 
    made_at DATETIME(6) NOT NULL, 
    link LONGTEXT, 
    text_ref LONGTEXT, 
    disclosed TINYINT(1) NOT NULL, 
    document LONGTEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_contribution_key UNIQUE (tenant, `key`, live), 
    CONSTRAINT fk_contribution_author_id FOREIGN KEY(tenant, author_id) REFERENCES customer (tenant, id)
)CHARSET=utf8mb4 ENGINE=InnoDB COLLATE utf8mb4_0900_bin;
CREATE INDEX ix_contribution_author_id_made_at ON contribution (tenant, author_id, made_at, id);
CREATE TABLE customer_fact (
    tenant VARCHAR(64) NOT NULL, 
    id BINARY(16) NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at DATETIME(6) NOT NULL, 
    added_by LONGTEXT, 
    added_because LONGTEXT, 
    customer_id BINARY(16) NOT NULL, 
    value LONGTEXT, 
    strength DOUBLE NOT NULL, 
    origin LONGTEXT NOT NULL, 
    confidence DOUBLE NOT NULL, 
    recorded_at DATETIME(6) NOT NULL, 
    document LONGTEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT fk_customer_fact_customer_id FOREIGN KEY(tenant, customer_id) REFERENCES customer (tenant, id)
)CHARSET=utf8mb4 ENGINE=InnoDB COLLATE utf8mb4_0900_bin;
CREATE INDEX ix_customer_fact_customer_id_recorded_at ON customer_fact (tenant, customer_id, recorded_at, id);
CREATE TABLE expense (
    tenant VARCHAR(64) NOT NULL, 
    id BINARY(16) NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at DATETIME(6) NOT NULL, 
    added_by LONGTEXT, 
    added_because LONGTEXT, 
    customer_id BINARY(16) NOT NULL, 
    `key` VARCHAR(255) NOT NULL, 
    at DATETIME(6) NOT NULL, 
    kind LONGTEXT NOT NULL, 
    note LONGTEXT, 
    document LONGTEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_expense_key UNIQUE (tenant, `key`, live), 
    CONSTRAINT fk_expense_customer_id FOREIGN KEY(tenant, customer_id) REFERENCES customer (tenant, id)
)CHARSET=utf8mb4 ENGINE=InnoDB COLLATE utf8mb4_0900_bin;
CREATE INDEX ix_expense_at ON expense (tenant, at, id);
CREATE INDEX ix_expense_customer_id ON expense (tenant, customer_id, id);
CREATE TABLE exposure (
    tenant VARCHAR(64) NOT NULL, 
    id BINARY(16) NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at DATETIME(6) NOT NULL, 
    added_by LONGTEXT, 
    added_because LONGTEXT, 
    experiment_id BINARY(16) NOT NULL, 
    customer_id BINARY(16) NOT NULL, 
    arm LONGTEXT NOT NULL, 
    exposed_at DATETIME(6) NOT NULL, 
    interaction_id BINARY(16), 
    document LONGTEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT fk_exposure_experiment_id FOREIGN KEY(tenant, experiment_id) REFERENCES experiment (tenant, id), 
    CONSTRAINT fk_exposure_customer_id FOREIGN KEY(tenant, customer_id) REFERENCES customer (tenant, id)
)CHARSET=utf8mb4 ENGINE=InnoDB COLLATE utf8mb4_0900_bin;
CREATE INDEX ix_exposure_customer_id ON exposure (tenant, customer_id, id);
CREATE INDEX ix_exposure_experiment_id_exposed_at ON exposure (tenant, experiment_id, exposed_at, id);
CREATE TABLE finding (
    tenant VARCHAR(64) NOT NULL, 
    id BINARY(16) NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at DATETIME(6) NOT NULL, 
    added_by LONGTEXT, 
    added_because LONGTEXT, 
    question VARCHAR(255) NOT NULL, 
    experiment_id BINARY(16), 
    arm LONGTEXT NOT NULL, 
    control LONGTEXT NOT NULL, 
    tactic LONGTEXT, 
    metric LONGTEXT NOT NULL, 
    as_of DATE NOT NULL, 
    found_at DATETIME(6) NOT NULL, 
    estimate DOUBLE NOT NULL, 
    low DOUBLE NOT NULL, 
    high DOUBLE NOT NULL, 
    confidence DOUBLE NOT NULL, 
    p_value DOUBLE NOT NULL, 
    adjusted_p_value DOUBLE NOT NULL, 
    treated BIGINT NOT NULL, 
    controls BIGINT NOT NULL, 
    contacts BIGINT NOT NULL, 
    treated_mean DOUBLE NOT NULL, 
    control_mean DOUBLE NOT NULL, 
    method LONGTEXT NOT NULL, 
    document LONGTEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT fk_finding_experiment_id FOREIGN KEY(tenant, experiment_id) REFERENCES experiment (tenant, id)
)CHARSET=utf8mb4 ENGINE=InnoDB COLLATE utf8mb4_0900_bin;
CREATE INDEX ix_finding_experiment_id ON finding (tenant, experiment_id, id);
CREATE INDEX ix_finding_found_at ON finding (tenant, found_at, id);
CREATE INDEX ix_finding_question_as_of ON finding (tenant, question, as_of, id);
CREATE TABLE identity_link (
    tenant VARCHAR(64) NOT NULL, 
    id BINARY(16) NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at DATETIME(6) NOT NULL, 
    added_by LONGTEXT, 
    added_because LONGTEXT, 
    record_id BINARY(16) NOT NULL, 
    customer_id BINARY(16) NOT NULL, 
    rule LONGTEXT NOT NULL, 
    probability DOUBLE NOT NULL, 
    decided_at DATETIME(6) NOT NULL, 
    reason LONGTEXT NOT NULL, 
    former_id BINARY(16), 
    mate_id BINARY(16), 
    document LONGTEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT fk_identity_link_record_id FOREIGN KEY(tenant, record_id) REFERENCES source_record (tenant, id), 
    CONSTRAINT fk_identity_link_customer_id FOREIGN KEY(tenant, customer_id) REFERENCES customer (tenant, id)
)CHARSET=utf8mb4 ENGINE=InnoDB COLLATE utf8mb4_0900_bin;
CREATE INDEX ix_identity_link_customer_id ON identity_link (tenant, customer_id, id);
CREATE INDEX ix_identity_link_former_id ON identity_link (tenant, former_id, id);
CREATE INDEX ix_identity_link_record_id_decided_at ON identity_link (tenant, record_id, decided_at, id);
CREATE TABLE interaction (
    tenant VARCHAR(64) NOT NULL, 
    id BINARY(16) NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at DATETIME(6) NOT NULL, 
    added_by LONGTEXT, 
    added_because LONGTEXT, 
    customer_id BINARY(16), 
    anonymous_id VARCHAR(255), 
    kind LONGTEXT NOT NULL, 
    direction LONGTEXT NOT NULL, 
    channel LONGTEXT NOT NULL, 
    mode LONGTEXT NOT NULL, 
    assisted TINYINT(1) NOT NULL, 
    occurred_at DATETIME(6) NOT NULL, 
    recorded_at DATETIME(6) NOT NULL, 
    subject LONGTEXT, 
    summary LONGTEXT, 
    outcome LONGTEXT, 
    sentiment DOUBLE, 
    conversation_id BINARY(16), 
    case_id BINARY(16), 
    opportunity_id BINARY(16), 
    campaign_id BINARY(16), 
    order_id BINARY(16), 
    idempotency_key VARCHAR(255) NOT NULL, 
    document LONGTEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_interaction_idempotency_key UNIQUE (tenant, idempotency_key, live), 
    CONSTRAINT fk_interaction_customer_id FOREIGN KEY(tenant, customer_id) REFERENCES customer (tenant, id)
)CHARSET=utf8mb4 ENGINE=InnoDB COLLATE utf8mb4_0900_bin;
CREATE INDEX ix_interaction_anonymous_id ON interaction (tenant, anonymous_id, id);
CREATE INDEX ix_interaction_customer_id_occurred_at ON interaction (tenant, customer_id, occurred_at, id);
CREATE INDEX ix_interaction_occurred_at ON interaction (tenant, occurred_at, id);
CREATE TABLE `lead` (
    tenant VARCHAR(64) NOT NULL, 
    id BINARY(16) NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at DATETIME(6) NOT NULL, 
    added_by LONGTEXT, 
    added_because LONGTEXT, 
    customer_id BINARY(16) NOT NULL, 
    source LONGTEXT NOT NULL, 
    created_at DATETIME(6) NOT NULL, 
    owner_id BINARY(16), 
    topic LONGTEXT, 
    document LONGTEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT fk_lead_customer_id FOREIGN KEY(tenant, customer_id) REFERENCES customer (tenant, id)
)CHARSET=utf8mb4 ENGINE=InnoDB COLLATE utf8mb4_0900_bin;
CREATE INDEX ix_lead_created_at ON `lead` (tenant, created_at, id);
CREATE INDEX ix_lead_customer_id_created_at ON `lead` (tenant, customer_id, created_at, id);
CREATE TABLE magnet_claim (
    tenant VARCHAR(64) NOT NULL, 
    id BINARY(16) NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at DATETIME(6) NOT NULL, 
    added_by LONGTEXT, 
    added_because LONGTEXT, 
    magnet_id BINARY(16) NOT NULL, 
    customer_id BINARY(16) NOT NULL, 
    claimed_at DATETIME(6) NOT NULL, 
    document LONGTEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_magnet_claim_magnet_id_customer_id UNIQUE (tenant, magnet_id, customer_id, live), 
    CONSTRAINT fk_magnet_claim_magnet_id FOREIGN KEY(tenant, magnet_id) REFERENCES lead_magnet (tenant, id), 
    CONSTRAINT fk_magnet_claim_customer_id FOREIGN KEY(tenant, customer_id) REFERENCES customer (tenant, id)
)CHARSET=utf8mb4 ENGINE=InnoDB COLLATE utf8mb4_0900_bin;
CREATE INDEX ix_magnet_claim_customer_id ON magnet_claim (tenant, customer_id, id);
CREATE INDEX ix_magnet_claim_magnet_id ON magnet_claim (tenant, magnet_id, id);
CREATE TABLE match_decision (
    tenant VARCHAR(64) NOT NULL, 
    id BINARY(16) NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at DATETIME(6) NOT NULL, 
    added_by LONGTEXT, 
    added_because LONGTEXT, 
    left_id BINARY(16) NOT NULL, 
    right_id BINARY(16) NOT NULL, 
    same TINYINT(1) NOT NULL, 
    decided_at DATETIME(6) NOT NULL, 
    decided_by LONGTEXT, 
    reason LONGTEXT NOT NULL, 
    revokes BINARY(16), 
    winner_id BINARY(16), 
    loser_id BINARY(16), 
    own_first_touch_at DATETIME(6), 
    document LONGTEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT fk_match_decision_left_id FOREIGN KEY(tenant, left_id) REFERENCES source_record (tenant, id), 
    CONSTRAINT fk_match_decision_right_id FOREIGN KEY(tenant, right_id) REFERENCES source_record (tenant, id)
)CHARSET=utf8mb4 ENGINE=InnoDB COLLATE utf8mb4_0900_bin;
CREATE INDEX ix_match_decision_decided_at ON match_decision (tenant, decided_at, id);
CREATE INDEX ix_match_decision_left_id ON match_decision (tenant, left_id, id);
CREATE INDEX ix_match_decision_right_id ON match_decision (tenant, right_id, id);
CREATE TABLE match_question (
    tenant VARCHAR(64) NOT NULL, 
    id BINARY(16) NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at DATETIME(6) NOT NULL, 
    added_by LONGTEXT, 
    added_because LONGTEXT, 
    left_id BINARY(16) NOT NULL, 
    right_id BINARY(16) NOT NULL, 
    probability DOUBLE NOT NULL, 
    weight DOUBLE NOT NULL, 
    why LONGTEXT NOT NULL, 
    asked_at DATETIME(6) NOT NULL, 
    document LONGTEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT fk_match_question_left_id FOREIGN KEY(tenant, left_id) REFERENCES source_record (tenant, id), 
    CONSTRAINT fk_match_question_right_id FOREIGN KEY(tenant, right_id) REFERENCES source_record (tenant, id)
)CHARSET=utf8mb4 ENGINE=InnoDB COLLATE utf8mb4_0900_bin;
CREATE INDEX ix_match_question_left_id ON match_question (tenant, left_id, id);
CREATE INDEX ix_match_question_probability ON match_question (tenant, probability, id);
CREATE INDEX ix_match_question_right_id ON match_question (tenant, right_id, id);
CREATE TABLE next_step (
    tenant VARCHAR(64) NOT NULL, 
    id BINARY(16) NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at DATETIME(6) NOT NULL, 
    added_by LONGTEXT, 
    added_because LONGTEXT, 
    customer_id BINARY(16) NOT NULL, 
    owner LONGTEXT, 
    made_at DATETIME(6) NOT NULL, 
    expires_at DATETIME(6) NOT NULL, 
    document LONGTEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT fk_next_step_customer_id FOREIGN KEY(tenant, customer_id) REFERENCES customer (tenant, id)
)CHARSET=utf8mb4 ENGINE=InnoDB COLLATE utf8mb4_0900_bin;
CREATE INDEX ix_next_step_customer_id_made_at ON next_step (tenant, customer_id, made_at, id);
CREATE INDEX ix_next_step_expires_at ON next_step (tenant, expires_at, id);
CREATE TABLE offer_decision (
    tenant VARCHAR(64) NOT NULL, 
    id BINARY(16) NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at DATETIME(6) NOT NULL, 
    added_by LONGTEXT, 
    added_because LONGTEXT, 
    customer_id BINARY(16) NOT NULL, 
    run VARCHAR(255) NOT NULL, 
    as_of DATE NOT NULL, 
    decided_at DATETIME(6) NOT NULL, 
    offer_id BINARY(16), 
    sku LONGTEXT, 
    channel LONGTEXT, 
    fallback TINYINT(1) NOT NULL, 
    policy LONGTEXT, 
    arm LONGTEXT, 
    context LONGTEXT, 
    probability DOUBLE, 
    since DATE, 
    expires_at DATETIME(6), 
    document LONGTEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT fk_offer_decision_customer_id FOREIGN KEY(tenant, customer_id) REFERENCES customer (tenant, id)
)CHARSET=utf8mb4 ENGINE=InnoDB COLLATE utf8mb4_0900_bin;
CREATE INDEX ix_offer_decision_customer_id_decided_at ON offer_decision (tenant, customer_id, decided_at, id);
CREATE INDEX ix_offer_decision_offer_id ON offer_decision (tenant, offer_id, id);
CREATE INDEX ix_offer_decision_run_as_of ON offer_decision (tenant, run, as_of, id);
CREATE TABLE outcome (
    tenant VARCHAR(64) NOT NULL, 
    id BINARY(16) NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at DATETIME(6) NOT NULL, 
    added_by LONGTEXT, 
    added_because LONGTEXT, 
    customer_id BINARY(16) NOT NULL, 
    metric VARCHAR(255) NOT NULL, 
    value DOUBLE NOT NULL, 
    at DATETIME(6) NOT NULL, 
    exposed_at DATETIME(6), 
    evidence_id BINARY(16), 
    document LONGTEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT fk_outcome_customer_id FOREIGN KEY(tenant, customer_id) REFERENCES customer (tenant, id)
)CHARSET=utf8mb4 ENGINE=InnoDB COLLATE utf8mb4_0900_bin;
CREATE INDEX ix_outcome_customer_id_at ON outcome (tenant, customer_id, at, id);
CREATE INDEX ix_outcome_metric_at ON outcome (tenant, metric, at, id);
CREATE TABLE points_account (
    tenant VARCHAR(64) NOT NULL, 
    id BINARY(16) NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at DATETIME(6) NOT NULL, 
    added_by LONGTEXT, 
    added_because LONGTEXT, 
    member_id BINARY(16) NOT NULL, 
    program VARCHAR(255) NOT NULL, 
    zone LONGTEXT NOT NULL, 
    debt BIGINT NOT NULL, 
    earned BIGINT NOT NULL, 
    spent BIGINT NOT NULL, 
    expired BIGINT NOT NULL, 
    reversed BIGINT NOT NULL, 
    adjusted BIGINT NOT NULL, 
    transferred BIGINT NOT NULL, 
    posted BIGINT NOT NULL, 
    last_at DATETIME(6), 
    document LONGTEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_points_account_member_id_program UNIQUE (tenant, member_id, program, live), 
    CONSTRAINT fk_points_account_member_id FOREIGN KEY(tenant, member_id) REFERENCES customer (tenant, id)
)CHARSET=utf8mb4 ENGINE=InnoDB COLLATE utf8mb4_0900_bin;
CREATE INDEX ix_points_account_member_id ON points_account (tenant, member_id, id);
CREATE TABLE promise (
    tenant VARCHAR(64) NOT NULL, 
    id BINARY(16) NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at DATETIME(6) NOT NULL, 
    added_by LONGTEXT, 
    added_because LONGTEXT, 
    customer_id BINARY(16) NOT NULL, 
    kind LONGTEXT NOT NULL, 
    what LONGTEXT NOT NULL, 
    made_at DATETIME(6) NOT NULL, 
    due DATETIME(6) NOT NULL, 
    kept_at DATETIME(6), 
    released_at DATETIME(6), 
    note LONGTEXT, 
    `key` VARCHAR(255) NOT NULL, 
    document LONGTEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_promise_key UNIQUE (tenant, `key`, live), 
    CONSTRAINT fk_promise_customer_id FOREIGN KEY(tenant, customer_id) REFERENCES customer (tenant, id)
)CHARSET=utf8mb4 ENGINE=InnoDB COLLATE utf8mb4_0900_bin;
CREATE INDEX ix_promise_customer_id_due ON promise (tenant, customer_id, due, id);
CREATE INDEX ix_promise_due ON promise (tenant, due, id);
CREATE TABLE purchase (
    tenant VARCHAR(64) NOT NULL, 
    id BINARY(16) NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at DATETIME(6) NOT NULL, 
    added_by LONGTEXT, 
    added_because LONGTEXT, 
    customer_id BINARY(16) NOT NULL, 
    number VARCHAR(255) NOT NULL, 
    placed_at DATETIME(6) NOT NULL, 
    currency LONGTEXT NOT NULL, 
    status VARCHAR(255) NOT NULL, 
    channel LONGTEXT, 
    promised_at DATETIME(6), 
    delivered_at DATETIME(6), 
    cart_id BINARY(16), 
    document LONGTEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_purchase_number UNIQUE (tenant, number, live), 
    CONSTRAINT fk_purchase_customer_id FOREIGN KEY(tenant, customer_id) REFERENCES customer (tenant, id)
)CHARSET=utf8mb4 ENGINE=InnoDB COLLATE utf8mb4_0900_bin;
CREATE INDEX ix_purchase_customer_id_placed_at ON purchase (tenant, customer_id, placed_at, id);
CREATE INDEX ix_purchase_placed_at ON purchase (tenant, placed_at, id);
CREATE INDEX ix_purchase_status_placed_at ON purchase (tenant, status, placed_at, id);
CREATE TABLE redemption (
    tenant VARCHAR(64) NOT NULL, 
    id BINARY(16) NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at DATETIME(6) NOT NULL, 
    added_by LONGTEXT, 
    added_because LONGTEXT, 
    member_id BINARY(16) NOT NULL, 
    reward_id BINARY(16) NOT NULL, 
    points BIGINT NOT NULL, 
    entry_key LONGTEXT NOT NULL, 
    at DATETIME(6) NOT NULL, 
    status LONGTEXT NOT NULL, 
    document LONGTEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT fk_redemption_member_id FOREIGN KEY(tenant, member_id) REFERENCES customer (tenant, id), 
    CONSTRAINT fk_redemption_reward_id FOREIGN KEY(tenant, reward_id) REFERENCES reward (tenant, id)
)CHARSET=utf8mb4 ENGINE=InnoDB COLLATE utf8mb4_0900_bin;
CREATE INDEX ix_redemption_member_id_at ON redemption (tenant, member_id, at, id);
CREATE INDEX ix_redemption_reward_id ON redemption (tenant, reward_id, id);
CREATE TABLE referral (
    tenant VARCHAR(64) NOT NULL, 
    id BINARY(16) NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at DATETIME(6) NOT NULL, 
    added_by LONGTEXT, 
    added_because LONGTEXT, 
    program_code VARCHAR(255) NOT NULL, 
    code LONGTEXT NOT NULL, 
    advocate_id BINARY(16) NOT NULL, 
    friend_id BINARY(16), 
    status LONGTEXT NOT NULL, 
    invited_at DATETIME(6) NOT NULL, 
    joined_at DATETIME(6), 
    qualified_at DATETIME(6), 
    closed_at DATETIME(6), 
    reason LONGTEXT, 
    note LONGTEXT, 
    document LONGTEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT fk_referral_advocate_id FOREIGN KEY(tenant, advocate_id) REFERENCES customer (tenant, id), 
    CONSTRAINT fk_referral_friend_id FOREIGN KEY(tenant, friend_id) REFERENCES customer (tenant, id)
)CHARSET=utf8mb4 ENGINE=InnoDB COLLATE utf8mb4_0900_bin;
CREATE INDEX ix_referral_advocate_id ON referral (tenant, advocate_id, id);
CREATE INDEX ix_referral_friend_id ON referral (tenant, friend_id, id);
CREATE INDEX ix_referral_program_code_advocate_id ON referral (tenant, program_code, advocate_id, id);
CREATE TABLE segment_membership (
    tenant VARCHAR(64) NOT NULL, 
    id BINARY(16) NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at DATETIME(6) NOT NULL, 
    added_by LONGTEXT, 
    added_because LONGTEXT, 
    segment VARCHAR(255) NOT NULL, 
    customer_id BINARY(16) NOT NULL, 
    period_start DATETIME(6), 
    period_end DATETIME(6), 
    document LONGTEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT fk_segment_membership_customer_id FOREIGN KEY(tenant, customer_id) REFERENCES customer (tenant, id)
)CHARSET=utf8mb4 ENGINE=InnoDB COLLATE utf8mb4_0900_bin;
CREATE INDEX ix_segment_membership_customer_id ON segment_membership (tenant, customer_id, id);
CREATE INDEX ix_segment_membership_period_end ON segment_membership (tenant, period_end, id);
CREATE INDEX ix_segment_membership_period_start ON segment_membership (tenant, period_start, id);
CREATE INDEX ix_segment_membership_segment ON segment_membership (tenant, segment, id);
CREATE TABLE stage_change (
    tenant VARCHAR(64) NOT NULL, 
    id BINARY(16) NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at DATETIME(6) NOT NULL, 
    added_by LONGTEXT, 
    added_because LONGTEXT, 
    customer_id BINARY(16) NOT NULL, 
    from_stage LONGTEXT, 
    to_stage LONGTEXT NOT NULL, 
    occurred_at DATETIME(6) NOT NULL, 
    recorded_at DATETIME(6) NOT NULL, 
    reason LONGTEXT NOT NULL, 
    policy_version LONGTEXT NOT NULL, 
    forced TINYINT(1) NOT NULL, 
    note LONGTEXT, 
    document LONGTEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT fk_stage_change_customer_id FOREIGN KEY(tenant, customer_id) REFERENCES customer (tenant, id)
)CHARSET=utf8mb4 ENGINE=InnoDB COLLATE utf8mb4_0900_bin;
CREATE INDEX ix_stage_change_customer_id_occurred_at ON stage_change (tenant, customer_id, occurred_at, id);
CREATE TABLE suppression (
    tenant VARCHAR(64) NOT NULL, 
    id BINARY(16) NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at DATETIME(6) NOT NULL, 
    added_by LONGTEXT, 
    added_because LONGTEXT, 
    address VARCHAR(255), 
    customer_id BINARY(16), 
    channel LONGTEXT, 
    reason LONGTEXT NOT NULL, 
    since DATETIME(6) NOT NULL, 
    until DATETIME(6), 
    document LONGTEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT fk_suppression_customer_id FOREIGN KEY(tenant, customer_id) REFERENCES customer (tenant, id)
)CHARSET=utf8mb4 ENGINE=InnoDB COLLATE utf8mb4_0900_bin;
CREATE INDEX ix_suppression_address ON suppression (tenant, address, id);
CREATE INDEX ix_suppression_customer_id ON suppression (tenant, customer_id, id);
CREATE TABLE task (
    tenant VARCHAR(64) NOT NULL, 
    id BINARY(16) NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at DATETIME(6) NOT NULL, 
    added_by LONGTEXT, 
    added_because LONGTEXT, 
    title LONGTEXT NOT NULL, 
    customer_id BINARY(16), 
    created_at DATETIME(6) NOT NULL, 
    due DATETIME(6), 
    priority BIGINT NOT NULL, 
    status VARCHAR(255) NOT NULL, 
    completed_at DATETIME(6), 
    `key` VARCHAR(255) NOT NULL, 
    document LONGTEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_task_key UNIQUE (tenant, `key`, live), 
    CONSTRAINT fk_task_customer_id FOREIGN KEY(tenant, customer_id) REFERENCES customer (tenant, id)
)CHARSET=utf8mb4 ENGINE=InnoDB COLLATE utf8mb4_0900_bin;
CREATE INDEX ix_task_customer_id ON task (tenant, customer_id, id);
CREATE INDEX ix_task_status_due ON task (tenant, status, due, id);
CREATE TABLE touchpoint (
    tenant VARCHAR(64) NOT NULL, 
    id BINARY(16) NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at DATETIME(6) NOT NULL, 
    added_by LONGTEXT, 
    added_because LONGTEXT, 
    customer_id BINARY(16), 
    anonymous_id VARCHAR(255), 
    at DATETIME(6) NOT NULL, 
    channel LONGTEXT NOT NULL, 
    source LONGTEXT NOT NULL, 
    medium LONGTEXT, 
    campaign LONGTEXT, 
    content LONGTEXT, 
    term LONGTEXT, 
    referrer LONGTEXT, 
    `key` VARCHAR(255) NOT NULL, 
    document LONGTEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_touchpoint_key UNIQUE (tenant, `key`, live), 
    CONSTRAINT fk_touchpoint_customer_id FOREIGN KEY(tenant, customer_id) REFERENCES customer (tenant, id)
)CHARSET=utf8mb4 ENGINE=InnoDB COLLATE utf8mb4_0900_bin;
CREATE INDEX ix_touchpoint_anonymous_id ON touchpoint (tenant, anonymous_id, id);
CREATE INDEX ix_touchpoint_customer_id_at ON touchpoint (tenant, customer_id, at, id);
CREATE TABLE unallocated_refund (
    tenant VARCHAR(64) NOT NULL, 
    id BINARY(16) NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at DATETIME(6) NOT NULL, 
    added_by LONGTEXT, 
    added_because LONGTEXT, 
    customer_id BINARY(16) NOT NULL, 
    `key` VARCHAR(255) NOT NULL, 
    at DATETIME(6) NOT NULL, 
    sku LONGTEXT, 
    reason LONGTEXT, 
    document LONGTEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_unallocated_refund_key UNIQUE (tenant, `key`, live), 
    CONSTRAINT fk_unallocated_refund_customer_id FOREIGN KEY(tenant, customer_id) REFERENCES customer (tenant, id)
)CHARSET=utf8mb4 ENGINE=InnoDB COLLATE utf8mb4_0900_bin;
CREATE INDEX ix_unallocated_refund_at ON unallocated_refund (tenant, at, id);
CREATE INDEX ix_unallocated_refund_customer_id ON unallocated_refund (tenant, customer_id, id);
CREATE TABLE withheld_answer (
    tenant VARCHAR(64) NOT NULL, 
    id BINARY(16) NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at DATETIME(6) NOT NULL, 
    added_by LONGTEXT, 
    added_because LONGTEXT, 
    customer_id BINARY(16) NOT NULL, 
    about LONGTEXT NOT NULL, 
    recorded_at DATETIME(6) NOT NULL, 
    document LONGTEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT fk_withheld_answer_customer_id FOREIGN KEY(tenant, customer_id) REFERENCES customer (tenant, id)
)CHARSET=utf8mb4 ENGINE=InnoDB COLLATE utf8mb4_0900_bin;
CREATE INDEX ix_withheld_answer_customer_id_recorded_at ON withheld_answer (tenant, customer_id, recorded_at, id);
CREATE TABLE action_plan (
    tenant VARCHAR(64) NOT NULL, 
    id BINARY(16) NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at DATETIME(6) NOT NULL, 
    added_by LONGTEXT, 
    added_because LONGTEXT, 
    code VARCHAR(255) NOT NULL, 
    goal LONGTEXT NOT NULL, 
    finding_id BINARY(16), 
    document LONGTEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_action_plan_code UNIQUE (tenant, code, live), 
    CONSTRAINT fk_action_plan_finding_id FOREIGN KEY(tenant, finding_id) REFERENCES finding (tenant, id)
)CHARSET=utf8mb4 ENGINE=InnoDB COLLATE utf8mb4_0900_bin;
CREATE INDEX ix_action_plan_finding_id ON action_plan (tenant, finding_id, id);
CREATE TABLE decision (
    tenant VARCHAR(64) NOT NULL, 
    id BINARY(16) NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at DATETIME(6) NOT NULL, 
    added_by LONGTEXT, 
    added_because LONGTEXT, 
    finding_id BINARY(16) NOT NULL, 
    recommended LONGTEXT NOT NULL, 
    decided LONGTEXT NOT NULL, 
    decided_at DATETIME(6) NOT NULL, 
    note LONGTEXT, 
    next_experiment_id BINARY(16), 
    document LONGTEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT fk_decision_finding_id FOREIGN KEY(tenant, finding_id) REFERENCES finding (tenant, id), 
    CONSTRAINT fk_decision_next_experiment_id FOREIGN KEY(tenant, next_experiment_id) REFERENCES experiment (tenant, id)
)CHARSET=utf8mb4 ENGINE=InnoDB COLLATE utf8mb4_0900_bin;
CREATE INDEX ix_decision_decided_at ON decision (tenant, decided_at, id);
CREATE INDEX ix_decision_finding_id ON decision (tenant, finding_id, id);
CREATE INDEX ix_decision_next_experiment_id ON decision (tenant, next_experiment_id, id);
CREATE TABLE lead_change (
    tenant VARCHAR(64) NOT NULL, 
    id BINARY(16) NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at DATETIME(6) NOT NULL, 
    added_by LONGTEXT, 
    added_because LONGTEXT, 
    lead_id BINARY(16) NOT NULL, 
    from_state LONGTEXT NOT NULL, 
    to_state LONGTEXT NOT NULL, 
    occurred_at DATETIME(6) NOT NULL, 
    reason LONGTEXT NOT NULL, 
    rules_version LONGTEXT, 
    document LONGTEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT fk_lead_change_lead_id FOREIGN KEY(tenant, lead_id) REFERENCES `lead` (tenant, id)
)CHARSET=utf8mb4 ENGINE=InnoDB COLLATE utf8mb4_0900_bin;
CREATE INDEX ix_lead_change_lead_id_occurred_at ON lead_change (tenant, lead_id, occurred_at, id);
CREATE TABLE moderation_entry (
    tenant VARCHAR(64) NOT NULL, 
    id BINARY(16) NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at DATETIME(6) NOT NULL, 
    added_by LONGTEXT, 
    added_because LONGTEXT, 
    contribution_id BINARY(16) NOT NULL, 
    verdict LONGTEXT NOT NULL, 
    moderator LONGTEXT NOT NULL, 
    at DATETIME(6) NOT NULL, 
    reason LONGTEXT, 
    document LONGTEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT fk_moderation_entry_contribution_id FOREIGN KEY(tenant, contribution_id) REFERENCES contribution (tenant, id)
)CHARSET=utf8mb4 ENGINE=InnoDB COLLATE utf8mb4_0900_bin;
CREATE INDEX ix_moderation_entry_contribution_id_at ON moderation_entry (tenant, contribution_id, at, id);
CREATE TABLE offer_outcome (
    tenant VARCHAR(64) NOT NULL, 
    id BINARY(16) NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at DATETIME(6) NOT NULL, 
    added_by LONGTEXT, 
    added_because LONGTEXT, 
    decision_id BINARY(16) NOT NULL, 
    answer LONGTEXT NOT NULL, 
    at DATETIME(6) NOT NULL, 
    order_id BINARY(16), 
    document LONGTEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_offer_outcome_decision_id UNIQUE (tenant, decision_id, live), 
    CONSTRAINT fk_offer_outcome_decision_id FOREIGN KEY(tenant, decision_id) REFERENCES offer_decision (tenant, id), 
    CONSTRAINT fk_offer_outcome_order_id FOREIGN KEY(tenant, order_id) REFERENCES purchase (tenant, id)
)CHARSET=utf8mb4 ENGINE=InnoDB COLLATE utf8mb4_0900_bin;
CREATE INDEX ix_offer_outcome_at ON offer_outcome (tenant, at, id);
CREATE INDEX ix_offer_outcome_decision_id ON offer_outcome (tenant, decision_id, id);
CREATE INDEX ix_offer_outcome_order_id ON offer_outcome (tenant, order_id, id);
CREATE TABLE offer_override (
    tenant VARCHAR(64) NOT NULL, 
    id BINARY(16) NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at DATETIME(6) NOT NULL, 
    added_by LONGTEXT, 
    added_because LONGTEXT, 
    decision_id BINARY(16) NOT NULL, 
    offer_id BINARY(16), 
    at DATETIME(6) NOT NULL, 
    note LONGTEXT NOT NULL, 
    document LONGTEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT fk_offer_override_decision_id FOREIGN KEY(tenant, decision_id) REFERENCES offer_decision (tenant, id), 
    CONSTRAINT fk_offer_override_offer_id FOREIGN KEY(tenant, offer_id) REFERENCES offer (tenant, id)
)CHARSET=utf8mb4 ENGINE=InnoDB COLLATE utf8mb4_0900_bin;
CREATE INDEX ix_offer_override_at ON offer_override (tenant, at, id);
CREATE INDEX ix_offer_override_decision_id ON offer_override (tenant, decision_id, id);
CREATE INDEX ix_offer_override_offer_id ON offer_override (tenant, offer_id, id);
CREATE TABLE opportunity (
    tenant VARCHAR(64) NOT NULL, 
    id BINARY(16) NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at DATETIME(6) NOT NULL, 
    added_by LONGTEXT, 
    added_because LONGTEXT, 
    customer_id BINARY(16) NOT NULL, 
    name LONGTEXT NOT NULL, 
    pipeline_id BINARY(16) NOT NULL, 
    opened_at DATETIME(6) NOT NULL, 
    owner_id BINARY(16), 
    source LONGTEXT, 
    campaign_id BINARY(16), 
    lead_id BINARY(16), 
    first_touch_id BINARY(16), 
    last_touch_id BINARY(16), 
    `key` VARCHAR(255) NOT NULL, 
    changes BIGINT NOT NULL, 
    document LONGTEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_opportunity_key UNIQUE (tenant, `key`, live), 
    CONSTRAINT fk_opportunity_customer_id FOREIGN KEY(tenant, customer_id) REFERENCES customer (tenant, id), 
    CONSTRAINT fk_opportunity_pipeline_id FOREIGN KEY(tenant, pipeline_id) REFERENCES pipeline (tenant, id), 
    CONSTRAINT fk_opportunity_campaign_id FOREIGN KEY(tenant, campaign_id) REFERENCES campaign (tenant, id), 
    CONSTRAINT fk_opportunity_lead_id FOREIGN KEY(tenant, lead_id) REFERENCES `lead` (tenant, id), 
    CONSTRAINT fk_opportunity_first_touch_id FOREIGN KEY(tenant, first_touch_id) REFERENCES touchpoint (tenant, id), 
    CONSTRAINT fk_opportunity_last_touch_id FOREIGN KEY(tenant, last_touch_id) REFERENCES touchpoint (tenant, id)
)CHARSET=utf8mb4 ENGINE=InnoDB COLLATE utf8mb4_0900_bin;
CREATE INDEX ix_opportunity_campaign_id ON opportunity (tenant, campaign_id, id);
CREATE INDEX ix_opportunity_customer_id_opened_at ON opportunity (tenant, customer_id, opened_at, id);
CREATE INDEX ix_opportunity_first_touch_id ON opportunity (tenant, first_touch_id, id);
CREATE INDEX ix_opportunity_last_touch_id ON opportunity (tenant, last_touch_id, id);
CREATE INDEX ix_opportunity_lead_id ON opportunity (tenant, lead_id, id);
CREATE INDEX ix_opportunity_opened_at ON opportunity (tenant, opened_at, id);
CREATE INDEX ix_opportunity_owner_id ON opportunity (tenant, owner_id, id);
CREATE INDEX ix_opportunity_pipeline_id ON opportunity (tenant, pipeline_id, id);
CREATE TABLE points_entry (
    tenant VARCHAR(64) NOT NULL, 
    id BINARY(16) NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at DATETIME(6) NOT NULL, 
    added_by LONGTEXT, 
    added_because LONGTEXT, 
    account_id BINARY(16) NOT NULL, 
    number BIGINT NOT NULL, 
    `key` VARCHAR(255) NOT NULL, 
    request LONGTEXT NOT NULL, 
    kind LONGTEXT NOT NULL, 
    at DATETIME(6) NOT NULL, 
    rule LONGTEXT, 
    of_entry BINARY(16), 
    hold LONGTEXT, 
    reason LONGTEXT, 
    document LONGTEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_points_entry_account_id_key UNIQUE (tenant, account_id, `key`, live), 
    CONSTRAINT fk_points_entry_account_id FOREIGN KEY(tenant, account_id) REFERENCES points_account (tenant, id)
)CHARSET=utf8mb4 ENGINE=InnoDB COLLATE utf8mb4_0900_bin;
CREATE INDEX ix_points_entry_account_id_number ON points_entry (tenant, account_id, number, id);
CREATE TABLE stage_retraction (
    tenant VARCHAR(64) NOT NULL, 
    id BINARY(16) NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at DATETIME(6) NOT NULL, 
    added_by LONGTEXT, 
    added_because LONGTEXT, 
    customer_id BINARY(16) NOT NULL, 
    change_id BINARY(16) NOT NULL, 
    recorded_at DATETIME(6) NOT NULL, 
    policy_version LONGTEXT NOT NULL, 
    document LONGTEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT fk_stage_retraction_customer_id FOREIGN KEY(tenant, customer_id) REFERENCES customer (tenant, id), 
    CONSTRAINT fk_stage_retraction_change_id FOREIGN KEY(tenant, change_id) REFERENCES stage_change (tenant, id)
)CHARSET=utf8mb4 ENGINE=InnoDB COLLATE utf8mb4_0900_bin;
CREATE INDEX ix_stage_retraction_change_id ON stage_retraction (tenant, change_id, id);
CREATE INDEX ix_stage_retraction_customer_id ON stage_retraction (tenant, customer_id, id);
CREATE TABLE vote (
    tenant VARCHAR(64) NOT NULL, 
    id BINARY(16) NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at DATETIME(6) NOT NULL, 
    added_by LONGTEXT, 
    added_because LONGTEXT, 
    contribution_id BINARY(16) NOT NULL, 
    voter_id BINARY(16) NOT NULL, 
    kind LONGTEXT NOT NULL, 
    at DATETIME(6) NOT NULL, 
    document LONGTEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT fk_vote_contribution_id FOREIGN KEY(tenant, contribution_id) REFERENCES contribution (tenant, id), 
    CONSTRAINT fk_vote_voter_id FOREIGN KEY(tenant, voter_id) REFERENCES customer (tenant, id)
)CHARSET=utf8mb4 ENGINE=InnoDB COLLATE utf8mb4_0900_bin;
CREATE INDEX ix_vote_contribution_id_at ON vote (tenant, contribution_id, at, id);
CREATE INDEX ix_vote_voter_id ON vote (tenant, voter_id, id);
CREATE TABLE vote_review (
    tenant VARCHAR(64) NOT NULL, 
    id BINARY(16) NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at DATETIME(6) NOT NULL, 
    added_by LONGTEXT, 
    added_because LONGTEXT, 
    contribution_id BINARY(16) NOT NULL, 
    voter_id BINARY(16) NOT NULL, 
    state LONGTEXT NOT NULL, 
    at DATETIME(6) NOT NULL, 
    actor LONGTEXT, 
    document LONGTEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT fk_vote_review_contribution_id FOREIGN KEY(tenant, contribution_id) REFERENCES contribution (tenant, id), 
    CONSTRAINT fk_vote_review_voter_id FOREIGN KEY(tenant, voter_id) REFERENCES customer (tenant, id)
)CHARSET=utf8mb4 ENGINE=InnoDB COLLATE utf8mb4_0900_bin;
CREATE INDEX ix_vote_review_contribution_id_at ON vote_review (tenant, contribution_id, at, id);
CREATE INDEX ix_vote_review_voter_id ON vote_review (tenant, voter_id, id);
CREATE TABLE conversion (
    tenant VARCHAR(64) NOT NULL, 
    id BINARY(16) NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at DATETIME(6) NOT NULL, 
    added_by LONGTEXT, 
    added_because LONGTEXT, 
    lead_id BINARY(16) NOT NULL, 
    customer_id BINARY(16) NOT NULL, 
    opportunity_id BINARY(16), 
    order_id BINARY(16), 
    at DATETIME(6) NOT NULL, 
    document LONGTEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT fk_conversion_lead_id FOREIGN KEY(tenant, lead_id) REFERENCES `lead` (tenant, id), 
    CONSTRAINT fk_conversion_customer_id FOREIGN KEY(tenant, customer_id) REFERENCES customer (tenant, id), 
    CONSTRAINT fk_conversion_order_id FOREIGN KEY(tenant, order_id) REFERENCES purchase (tenant, id), 
    CONSTRAINT fk_conversion_opportunity_id FOREIGN KEY(tenant, opportunity_id) REFERENCES opportunity (tenant, id)
)CHARSET=utf8mb4 ENGINE=InnoDB COLLATE utf8mb4_0900_bin;
CREATE INDEX ix_conversion_at ON conversion (tenant, at, id);
CREATE INDEX ix_conversion_customer_id ON conversion (tenant, customer_id, id);
CREATE INDEX ix_conversion_lead_id ON conversion (tenant, lead_id, id);
CREATE INDEX ix_conversion_opportunity_id ON conversion (tenant, opportunity_id, id);
CREATE INDEX ix_conversion_order_id ON conversion (tenant, order_id, id);
CREATE TABLE opportunity_change (
    tenant VARCHAR(64) NOT NULL, 
    id BINARY(16) NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at DATETIME(6) NOT NULL, 
    added_by LONGTEXT, 
    added_because LONGTEXT, 
    opportunity_id BINARY(16) NOT NULL, 
    number BIGINT NOT NULL, 
    pipeline_id BINARY(16) NOT NULL, 
    former_pipeline_id BINARY(16), 
    from_stage LONGTEXT, 
    to_stage LONGTEXT NOT NULL, 
    kind LONGTEXT NOT NULL, 
    occurred_at DATETIME(6) NOT NULL, 
    recorded_at DATETIME(6) NOT NULL, 
    reason LONGTEXT NOT NULL, 
    forced TINYINT(1) NOT NULL, 
    note LONGTEXT, 
    `key` VARCHAR(255) NOT NULL, 
    document LONGTEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_opportunity_change_opportunity_id_number UNIQUE (tenant, opportunity_id, number, live), 
    CONSTRAINT uq_opportunity_change_opportunity_id_key UNIQUE (tenant, opportunity_id, `key`, live), 
    CONSTRAINT fk_opportunity_change_opportunity_id FOREIGN KEY(tenant, opportunity_id) REFERENCES opportunity (tenant, id), 
    CONSTRAINT fk_opportunity_change_pipeline_id FOREIGN KEY(tenant, pipeline_id) REFERENCES pipeline (tenant, id), 
    CONSTRAINT fk_opportunity_change_former_pipeline_id FOREIGN KEY(tenant, former_pipeline_id) REFERENCES pipeline (tenant, id)
)CHARSET=utf8mb4 ENGINE=InnoDB COLLATE utf8mb4_0900_bin;
CREATE INDEX ix_opportunity_change_former_pipeline_id ON opportunity_change (tenant, former_pipeline_id, id);
CREATE INDEX ix_opportunity_change_occurred_at ON opportunity_change (tenant, occurred_at, id);
CREATE INDEX ix_opportunity_change_opportunity_id ON opportunity_change (tenant, opportunity_id, id);
CREATE INDEX ix_opportunity_change_pipeline_id ON opportunity_change (tenant, pipeline_id, id);
