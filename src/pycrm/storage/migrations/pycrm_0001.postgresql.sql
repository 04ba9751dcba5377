CREATE TABLE automation_run (
    tenant TEXT COLLATE "C" NOT NULL, 
    id UUID NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    added_by TEXT COLLATE "C", 
    added_because TEXT COLLATE "C", 
    process TEXT COLLATE "C" NOT NULL, 
    key TEXT COLLATE "C" NOT NULL, 
    at TIMESTAMP WITH TIME ZONE NOT NULL, 
    items BIGINT NOT NULL, 
    basis TEXT COLLATE "C", 
    document JSONB, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_automation_run_process_key UNIQUE (tenant, process, key, live)
);
CREATE INDEX ix_automation_run_at ON automation_run (tenant, at, id);
CREATE TABLE campaign (
    tenant TEXT COLLATE "C" NOT NULL, 
    id UUID NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    added_by TEXT COLLATE "C", 
    added_because TEXT COLLATE "C", 
    code TEXT COLLATE "C" NOT NULL, 
    name TEXT COLLATE "C" NOT NULL, 
    objective TEXT COLLATE "C" NOT NULL, 
    kind TEXT COLLATE "C" NOT NULL, 
    text TEXT COLLATE "C" NOT NULL, 
    status TEXT COLLATE "C" NOT NULL, 
    segment TEXT COLLATE "C", 
    open_list BOOLEAN NOT NULL, 
    purpose TEXT COLLATE "C" NOT NULL, 
    channel TEXT COLLATE "C" NOT NULL, 
    parent_id UUID, 
    document JSONB, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_campaign_code UNIQUE (tenant, code, live)
);
CREATE INDEX ix_campaign_segment ON campaign (tenant, segment, id) WHERE segment IS NOT NULL;
CREATE TABLE capture_form (
    tenant TEXT COLLATE "C" NOT NULL, 
    id UUID NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    added_by TEXT COLLATE "C", 
    added_because TEXT COLLATE "C", 
    code TEXT COLLATE "C" NOT NULL, 
    channel TEXT COLLATE "C" NOT NULL, 
    text_version TEXT COLLATE "C" NOT NULL, 
    most BIGINT NOT NULL, 
    document JSONB, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_capture_form_code UNIQUE (tenant, code, live)
);
CREATE TABLE change_feed (
    tenant TEXT COLLATE "C" NOT NULL, 
    id UUID NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    added_by TEXT COLLATE "C", 
    added_because TEXT COLLATE "C", 
    epoch UUID NOT NULL, 
    first BIGINT NOT NULL, 
    last BIGINT NOT NULL, 
    retold BIGINT NOT NULL, 
    document JSONB, 
    PRIMARY KEY (tenant, id)
);
CREATE TABLE content (
    tenant TEXT COLLATE "C" NOT NULL, 
    id UUID NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    added_by TEXT COLLATE "C", 
    added_because TEXT COLLATE "C", 
    code TEXT COLLATE "C" NOT NULL, 
    title TEXT COLLATE "C" NOT NULL, 
    kind TEXT COLLATE "C" NOT NULL, 
    asset TEXT COLLATE "C", 
    document JSONB, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_content_code UNIQUE (tenant, code, live)
);
CREATE TABLE customer (
    tenant TEXT COLLATE "C" NOT NULL, 
    id UUID NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    added_by TEXT COLLATE "C", 
    added_because TEXT COLLATE "C", 
    kind TEXT COLLATE "C" NOT NULL, 
    birth_date DATE, 
    gender TEXT COLLATE "C", 
    language TEXT COLLATE "C", 
    zone TEXT COLLATE "C", 
    country TEXT COLLATE "C", 
    job_title TEXT COLLATE "C", 
    department TEXT COLLATE "C", 
    source TEXT COLLATE "C", 
    owner_id UUID, 
    first_touch_at TIMESTAMP WITH TIME ZONE, 
    identified_at TIMESTAMP WITH TIME ZONE, 
    is_deceased BOOLEAN NOT NULL, 
    processing TEXT COLLATE "C" NOT NULL, 
    name_family TEXT COLLATE "C", 
    name_given TEXT COLLATE "C", 
    name_full TEXT COLLATE "C", 
    organisation_name TEXT COLLATE "C", 
    organisation_parent_id UUID, 
    document JSONB, 
    PRIMARY KEY (tenant, id)
);
CREATE INDEX ix_customer_country ON customer (tenant, country, id) WHERE country IS NOT NULL;
CREATE INDEX ix_customer_name_family ON customer (tenant, name_family, id) WHERE name_family IS NOT NULL;
CREATE INDEX ix_customer_name_full ON customer (tenant, name_full, id) WHERE name_full IS NOT NULL;
CREATE INDEX ix_customer_name_given ON customer (tenant, name_given, id) WHERE name_given IS NOT NULL;
CREATE INDEX ix_customer_organisation_name ON customer (tenant, organisation_name, id) WHERE organisation_name IS NOT NULL;
CREATE INDEX ix_customer_organisation_parent_id ON customer (tenant, organisation_parent_id, id) WHERE organisation_parent_id IS NOT NULL;
CREATE INDEX ix_customer_owner_id ON customer (tenant, owner_id, id) WHERE owner_id IS NOT NULL;
CREATE INDEX ix_customer_source ON customer (tenant, source, id) WHERE source IS NOT NULL;
CREATE TABLE earning_rule (
    tenant TEXT COLLATE "C" NOT NULL, 
    id UUID NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    added_by TEXT COLLATE "C", 
    added_because TEXT COLLATE "C", 
    code TEXT COLLATE "C" NOT NULL, 
    program TEXT COLLATE "C" NOT NULL, 
    event TEXT COLLATE "C" NOT NULL, 
    mode TEXT COLLATE "C" NOT NULL, 
    points BIGINT NOT NULL, 
    document JSONB, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_earning_rule_program_code UNIQUE (tenant, program, code, live)
);
CREATE TABLE experiment (
    tenant TEXT COLLATE "C" NOT NULL, 
    id UUID NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    added_by TEXT COLLATE "C", 
    added_because TEXT COLLATE "C", 
    code TEXT COLLATE "C" NOT NULL, 
    name TEXT COLLATE "C" NOT NULL, 
    hypothesis TEXT COLLATE "C", 
    control TEXT COLLATE "C" NOT NULL, 
    holdout DOUBLE PRECISION NOT NULL, 
    metric TEXT COLLATE "C" NOT NULL, 
    sample_size BIGINT, 
    campaign_id UUID, 
    follows UUID, 
    document JSONB, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_experiment_code UNIQUE (tenant, code, live)
);
CREATE INDEX ix_experiment_follows ON experiment (tenant, follows, id) WHERE follows IS NOT NULL;
CREATE TABLE feed_event (
    tenant TEXT COLLATE "C" NOT NULL, 
    id UUID NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    added_by TEXT COLLATE "C", 
    added_because TEXT COLLATE "C", 
    position BIGINT NOT NULL, 
    type TEXT COLLATE "C" NOT NULL, 
    body TEXT COLLATE "C" NOT NULL, 
    at TIMESTAMP WITH TIME ZONE NOT NULL, 
    document JSONB, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_feed_event_position UNIQUE (tenant, position, live)
);
CREATE TABLE feed_reader (
    tenant TEXT COLLATE "C" NOT NULL, 
    id UUID NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    added_by TEXT COLLATE "C", 
    added_because TEXT COLLATE "C", 
    name TEXT COLLATE "C" NOT NULL, 
    position BIGINT NOT NULL, 
    document JSONB, 
    PRIMARY KEY (tenant, id)
);
CREATE TABLE import_run (
    tenant TEXT COLLATE "C" NOT NULL, 
    id UUID NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    added_by TEXT COLLATE "C", 
    added_because TEXT COLLATE "C", 
    source TEXT COLLATE "C" NOT NULL, 
    key TEXT COLLATE "C" NOT NULL, 
    started_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    finished_at TIMESTAMP WITH TIME ZONE, 
    dry_run BOOLEAN NOT NULL, 
    document JSONB, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_import_run_source_key UNIQUE (tenant, source, key, live)
);
CREATE INDEX ix_import_run_started_at ON import_run (tenant, started_at, id);
CREATE TABLE knowledge_plan (
    tenant TEXT COLLATE "C" NOT NULL, 
    id UUID NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    added_by TEXT COLLATE "C", 
    added_because TEXT COLLATE "C", 
    code TEXT COLLATE "C" NOT NULL, 
    revision BIGINT NOT NULL, 
    sure DOUBLE PRECISION NOT NULL, 
    stop_after BIGINT NOT NULL, 
    patience DOUBLE PRECISION NOT NULL, 
    document JSONB, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_knowledge_plan_code_revision UNIQUE (tenant, code, revision, live)
);
CREATE TABLE lead_magnet (
    tenant TEXT COLLATE "C" NOT NULL, 
    id UUID NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    added_by TEXT COLLATE "C", 
    added_because TEXT COLLATE "C", 
    code TEXT COLLATE "C" NOT NULL, 
    title TEXT COLLATE "C" NOT NULL, 
    asset TEXT COLLATE "C" NOT NULL, 
    form TEXT COLLATE "C" NOT NULL, 
    document JSONB, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_lead_magnet_code UNIQUE (tenant, code, live)
);
CREATE TABLE newsletter (
    tenant TEXT COLLATE "C" NOT NULL, 
    id UUID NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    added_by TEXT COLLATE "C", 
    added_because TEXT COLLATE "C", 
    code TEXT COLLATE "C" NOT NULL, 
    title TEXT COLLATE "C" NOT NULL, 
    purpose TEXT COLLATE "C" NOT NULL, 
    channel TEXT COLLATE "C" NOT NULL, 
    editorial BIGINT NOT NULL, 
    products BIGINT NOT NULL, 
    least_match DOUBLE PRECISION NOT NULL, 
    document JSONB, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_newsletter_code UNIQUE (tenant, code, live)
);
CREATE TABLE nurture_sequence (
    tenant TEXT COLLATE "C" NOT NULL, 
    id UUID NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    added_by TEXT COLLATE "C", 
    added_because TEXT COLLATE "C", 
    code TEXT COLLATE "C" NOT NULL, 
    revision BIGINT NOT NULL, 
    source TEXT COLLATE "C", 
    purpose TEXT COLLATE "C" NOT NULL, 
    channel TEXT COLLATE "C" NOT NULL, 
    document JSONB, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_nurture_sequence_code_revision UNIQUE (tenant, code, revision, live)
);
CREATE TABLE offer (
    tenant TEXT COLLATE "C" NOT NULL, 
    id UUID NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    added_by TEXT COLLATE "C", 
    added_because TEXT COLLATE "C", 
    code TEXT COLLATE "C" NOT NULL, 
    name TEXT COLLATE "C" NOT NULL, 
    kind TEXT COLLATE "C" NOT NULL, 
    percent NUMERIC(18, 6), 
    purpose TEXT COLLATE "C" NOT NULL, 
    priority BIGINT NOT NULL, 
    fallback BOOLEAN NOT NULL, 
    stock BIGINT, 
    max_per_customer BIGINT, 
    never_bought BOOLEAN NOT NULL, 
    suppress_buyers BOOLEAN NOT NULL, 
    stackable BOOLEAN NOT NULL, 
    document JSONB, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_offer_code UNIQUE (tenant, code, live)
);
CREATE INDEX ix_offer_priority ON offer (tenant, priority, id);
CREATE TABLE pipeline (
    tenant TEXT COLLATE "C" NOT NULL, 
    id UUID NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    added_by TEXT COLLATE "C", 
    added_because TEXT COLLATE "C", 
    code TEXT COLLATE "C" NOT NULL, 
    revision BIGINT NOT NULL, 
    document JSONB, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_pipeline_code_revision UNIQUE (tenant, code, revision, live)
);
CREATE TABLE play (
    tenant TEXT COLLATE "C" NOT NULL, 
    id UUID NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    added_by TEXT COLLATE "C", 
    added_because TEXT COLLATE "C", 
    code TEXT COLLATE "C" NOT NULL, 
    revision BIGINT NOT NULL, 
    stage TEXT COLLATE "C" NOT NULL, 
    trigger TEXT COLLATE "C" NOT NULL, 
    action TEXT COLLATE "C" NOT NULL, 
    text TEXT COLLATE "C" NOT NULL, 
    kind TEXT COLLATE "C" NOT NULL, 
    purpose TEXT COLLATE "C" NOT NULL, 
    channel TEXT COLLATE "C" NOT NULL, 
    document JSONB, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_play_code_revision UNIQUE (tenant, code, revision, live)
);
CREATE TABLE product (
    tenant TEXT COLLATE "C" NOT NULL, 
    id UUID NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    added_by TEXT COLLATE "C", 
    added_because TEXT COLLATE "C", 
    sku TEXT COLLATE "C" NOT NULL, 
    name TEXT COLLATE "C" NOT NULL, 
    document JSONB, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_product_sku UNIQUE (tenant, sku, live)
);
CREATE TABLE profiling_policy (
    tenant TEXT COLLATE "C" NOT NULL, 
    id UUID NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    added_by TEXT COLLATE "C", 
    added_because TEXT COLLATE "C", 
    purpose TEXT COLLATE "C" NOT NULL, 
    basis TEXT COLLATE "C" NOT NULL, 
    double_opt_in BOOLEAN NOT NULL, 
    document JSONB, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_profiling_policy_purpose UNIQUE (tenant, purpose, live)
);
CREATE TABLE program_budget (
    tenant TEXT COLLATE "C" NOT NULL, 
    id UUID NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    added_by TEXT COLLATE "C", 
    added_because TEXT COLLATE "C", 
    program TEXT COLLATE "C" NOT NULL, 
    max_points BIGINT NOT NULL, 
    given BIGINT NOT NULL, 
    closed_at TIMESTAMP WITH TIME ZONE, 
    document JSONB, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_program_budget_program UNIQUE (tenant, program, live)
);
CREATE TABLE pycrm_audit (
    tenant TEXT COLLATE "C" NOT NULL, 
    model TEXT COLLATE "C" NOT NULL, 
    id UUID NOT NULL, 
    version BIGINT NOT NULL, 
    action TEXT COLLATE "C" NOT NULL, 
    at TIMESTAMP WITH TIME ZONE NOT NULL, 
    actor TEXT COLLATE "C", 
    cause TEXT COLLATE "C", 
    fields JSONB, 
    PRIMARY KEY (tenant, model, id, version)
);
CREATE TABLE pycrm_lease (
    tenant TEXT COLLATE "C" NOT NULL, 
    name TEXT COLLATE "C" NOT NULL, 
    holder TEXT COLLATE "C" NOT NULL, 
    until TIMESTAMP WITH TIME ZONE NOT NULL, 
    PRIMARY KEY (tenant, name)
);
CREATE TABLE pycrm_outbox (
    tenant TEXT COLLATE "C" NOT NULL, 
    id UUID NOT NULL, 
    at TIMESTAMP WITH TIME ZONE NOT NULL, 
    position BIGINT NOT NULL, 
    type TEXT COLLATE "C" NOT NULL, 
    payload JSONB NOT NULL, 
    PRIMARY KEY (tenant, id)
);
CREATE INDEX ix_pycrm_outbox_order ON pycrm_outbox (tenant, at, position, id);
CREATE TABLE pycrm_result (
    tenant TEXT COLLATE "C" NOT NULL, 
    key TEXT COLLATE "C" NOT NULL, 
    at TIMESTAMP WITH TIME ZONE NOT NULL, 
    result JSONB NOT NULL, 
    PRIMARY KEY (tenant, key)
);
CREATE TABLE pycrm_search (
    tenant TEXT COLLATE "C" NOT NULL, 
    model TEXT COLLATE "C" NOT NULL, 
    path TEXT COLLATE "C" NOT NULL, 
    value TEXT COLLATE "C" NOT NULL, 
    id UUID NOT NULL, 
    PRIMARY KEY (tenant, model, path, value, id)
);
CREATE TABLE pycrm_unique (
    tenant TEXT COLLATE "C" NOT NULL, 
    model TEXT COLLATE "C" NOT NULL, 
    rule TEXT COLLATE "C" NOT NULL, 
    value TEXT COLLATE "C" NOT NULL, 
    id UUID NOT NULL, 
    PRIMARY KEY (tenant, model, rule, value)
);
CREATE TABLE referral_program (
    tenant TEXT COLLATE "C" NOT NULL, 
    id UUID NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    added_by TEXT COLLATE "C", 
    added_because TEXT COLLATE "C", 
    code TEXT COLLATE "C" NOT NULL, 
    program TEXT COLLATE "C" NOT NULL, 
    advocate_points BIGINT NOT NULL, 
    friend_points BIGINT NOT NULL, 
    "limit" BIGINT, 
    program_limit BIGINT, 
    velocity BIGINT NOT NULL, 
    household TEXT COLLATE "C" NOT NULL, 
    document JSONB, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_referral_program_code UNIQUE (tenant, code, live)
);
CREATE TABLE response_book (
    tenant TEXT COLLATE "C" NOT NULL, 
    id UUID NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    added_by TEXT COLLATE "C", 
    added_because TEXT COLLATE "C", 
    code TEXT COLLATE "C" NOT NULL, 
    longest BIGINT NOT NULL, 
    away TEXT COLLATE "C", 
    document JSONB, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_response_book_code UNIQUE (tenant, code, live)
);
CREATE TABLE reward (
    tenant TEXT COLLATE "C" NOT NULL, 
    id UUID NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    added_by TEXT COLLATE "C", 
    added_because TEXT COLLATE "C", 
    code TEXT COLLATE "C" NOT NULL, 
    program TEXT COLLATE "C" NOT NULL, 
    name TEXT COLLATE "C" NOT NULL, 
    kind TEXT COLLATE "C" NOT NULL, 
    cost BIGINT NOT NULL, 
    sku TEXT COLLATE "C", 
    percent NUMERIC(18, 6), 
    stock BIGINT, 
    document JSONB, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_reward_program_code UNIQUE (tenant, program, code, live)
);
CREATE TABLE segment (
    tenant TEXT COLLATE "C" NOT NULL, 
    id UUID NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    added_by TEXT COLLATE "C", 
    added_because TEXT COLLATE "C", 
    name TEXT COLLATE "C" NOT NULL, 
    description TEXT COLLATE "C", 
    document JSONB, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_segment_name UNIQUE (tenant, name, live)
);
CREATE TABLE snapshot (
    tenant TEXT COLLATE "C" NOT NULL, 
    id UUID NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    added_by TEXT COLLATE "C", 
    added_because TEXT COLLATE "C", 
    run TEXT COLLATE "C" NOT NULL, 
    as_of DATE NOT NULL, 
    since DATE NOT NULL, 
    until TIMESTAMP WITH TIME ZONE NOT NULL, 
    currency TEXT COLLATE "C" NOT NULL, 
    customers BIGINT NOT NULL, 
    orders BIGINT NOT NULL, 
    refunds BIGINT NOT NULL, 
    expenses BIGINT NOT NULL, 
    facts BIGINT NOT NULL, 
    interactions BIGINT NOT NULL, 
    policy TEXT COLLATE "C", 
    scoring TEXT COLLATE "C", 
    document JSONB, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_snapshot_run_as_of UNIQUE (tenant, run, as_of, live)
);
CREATE INDEX ix_snapshot_as_of ON snapshot (tenant, as_of, id);
CREATE TABLE source_record (
    tenant TEXT COLLATE "C" NOT NULL, 
    id UUID NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    added_by TEXT COLLATE "C", 
    added_because TEXT COLLATE "C", 
    source TEXT COLLATE "C" NOT NULL, 
    key TEXT COLLATE "C" NOT NULL, 
    received_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    document JSONB, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_source_record_source_key UNIQUE (tenant, source, key, live)
);
CREATE INDEX ix_source_record_received_at ON source_record (tenant, received_at, id);
CREATE TABLE strategy (
    tenant TEXT COLLATE "C" NOT NULL, 
    id UUID NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    added_by TEXT COLLATE "C", 
    added_because TEXT COLLATE "C", 
    code TEXT COLLATE "C" NOT NULL, 
    revision BIGINT NOT NULL, 
    segment TEXT COLLATE "C", 
    aim TEXT COLLATE "C" NOT NULL, 
    priority BIGINT NOT NULL, 
    document JSONB, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_strategy_code_revision UNIQUE (tenant, code, revision, live)
);
CREATE INDEX ix_strategy_segment ON strategy (tenant, segment, id) WHERE segment IS NOT NULL;
CREATE TABLE subject_request (
    tenant TEXT COLLATE "C" NOT NULL, 
    id UUID NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    added_by TEXT COLLATE "C", 
    added_because TEXT COLLATE "C", 
    kind TEXT COLLATE "C" NOT NULL, 
    customer_id UUID NOT NULL, 
    received_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    done_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    reason TEXT COLLATE "C" NOT NULL, 
    document JSONB, 
    PRIMARY KEY (tenant, id)
);
CREATE INDEX ix_subject_request_customer_id ON subject_request (tenant, customer_id, id);
CREATE INDEX ix_subject_request_kind_done_at ON subject_request (tenant, kind, done_at, id);
CREATE TABLE template (
    tenant TEXT COLLATE "C" NOT NULL, 
    id UUID NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    added_by TEXT COLLATE "C", 
    added_because TEXT COLLATE "C", 
    code TEXT COLLATE "C" NOT NULL, 
    revision BIGINT NOT NULL, 
    language TEXT COLLATE "C", 
    document JSONB, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_template_code_revision_language UNIQUE (tenant, code, revision, language, live)
);
CREATE TABLE treatment_plan (
    tenant TEXT COLLATE "C" NOT NULL, 
    id UUID NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    added_by TEXT COLLATE "C", 
    added_because TEXT COLLATE "C", 
    edition TEXT COLLATE "C" NOT NULL, 
    valid_from DATE, 
    document JSONB, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_treatment_plan_edition UNIQUE (tenant, edition, live)
);
CREATE TABLE assessment (
    tenant TEXT COLLATE "C" NOT NULL, 
    id UUID NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    added_by TEXT COLLATE "C", 
    added_because TEXT COLLATE "C", 
    customer_id UUID NOT NULL, 
    run TEXT COLLATE "C" NOT NULL, 
    as_of DATE NOT NULL, 
    since DATE NOT NULL, 
    orders BIGINT NOT NULL, 
    probability_alive DOUBLE PRECISION, 
    recency_score BIGINT, 
    frequency_score BIGINT, 
    monetary_score BIGINT, 
    segment TEXT COLLATE "C", 
    tier TEXT COLLATE "C" NOT NULL, 
    needs TEXT COLLATE "C", 
    fit_score BIGINT, 
    engagement_score BIGINT, 
    grade TEXT COLLATE "C", 
    policy TEXT COLLATE "C", 
    refunds BIGINT NOT NULL, 
    expenses BIGINT NOT NULL, 
    facts BIGINT NOT NULL, 
    interactions BIGINT NOT NULL, 
    document JSONB, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_assessment_customer_id_run_as_of UNIQUE (tenant, customer_id, run, as_of, live), 
    CONSTRAINT fk_assessment_customer_id FOREIGN KEY(tenant, customer_id) REFERENCES customer (tenant, id)
);
CREATE INDEX ix_assessment_customer_id ON assessment (tenant, customer_id, id);
CREATE INDEX ix_assessment_run_as_of ON assessment (tenant, run, as_of, id);
CREATE INDEX ix_assessment_tier ON assessment (tenant, tier, id);
CREATE TABLE assignment (
    tenant TEXT COLLATE "C" NOT NULL, 
    id UUID NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    added_by TEXT COLLATE "C", 
    added_because TEXT COLLATE "C", 
    experiment_id UUID NOT NULL, 
    customer_id UUID NOT NULL, 
    arm TEXT COLLATE "C" NOT NULL, 
    assigned_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    stratum TEXT COLLATE "C", 
    document JSONB, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_assignment_experiment_id_customer_id UNIQUE (tenant, experiment_id, customer_id, live), 
    CONSTRAINT fk_assignment_experiment_id FOREIGN KEY(tenant, experiment_id) REFERENCES experiment (tenant, id), 
    CONSTRAINT fk_assignment_customer_id FOREIGN KEY(tenant, customer_id) REFERENCES customer (tenant, id)
);
CREATE INDEX ix_assignment_customer_id ON assignment (tenant, customer_id, id);
CREATE INDEX ix_assignment_experiment_id_assigned_at ON assignment (tenant, experiment_id, assigned_at, id);
CREATE TABLE campaign_member (
    tenant TEXT COLLATE "C" NOT NULL, 
    id UUID NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    added_by TEXT COLLATE "C", 
    added_because TEXT COLLATE "C", 
    campaign_id UUID NOT NULL, 
    customer_id UUID NOT NULL, 
    listed_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    document JSONB, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_campaign_member_campaign_id_customer_id UNIQUE (tenant, campaign_id, customer_id, live), 
    CONSTRAINT fk_campaign_member_campaign_id FOREIGN KEY(tenant, campaign_id) REFERENCES campaign (tenant, id), 
    CONSTRAINT fk_campaign_member_customer_id FOREIGN KEY(tenant, customer_id) REFERENCES customer (tenant, id)
);
CREATE INDEX ix_campaign_member_campaign_id ON campaign_member (tenant, campaign_id, id);
CREATE INDEX ix_campaign_member_customer_id ON campaign_member (tenant, customer_id, id);
CREATE TABLE chat_session (
    tenant TEXT COLLATE "C" NOT NULL, 
    id UUID NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    added_by TEXT COLLATE "C", 
    added_because TEXT COLLATE "C", 
    customer_id UUID, 
    anonymous_id TEXT COLLATE "C", 
    opened_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    closed_at TIMESTAMP WITH TIME ZONE, 
    outcome TEXT COLLATE "C", 
    document JSONB, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT fk_chat_session_customer_id FOREIGN KEY(tenant, customer_id) REFERENCES customer (tenant, id)
);
CREATE INDEX ix_chat_session_anonymous_id ON chat_session (tenant, anonymous_id, id) WHERE anonymous_id IS NOT NULL;
CREATE INDEX ix_chat_session_customer_id ON chat_session (tenant, customer_id, id) WHERE customer_id IS NOT NULL;
CREATE TABLE consent_entry (
    tenant TEXT COLLATE "C" NOT NULL, 
    id UUID NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    added_by TEXT COLLATE "C", 
    added_because TEXT COLLATE "C", 
    customer_id UUID NOT NULL, 
    purpose TEXT COLLATE "C" NOT NULL, 
    channel TEXT COLLATE "C", 
    status TEXT COLLATE "C" NOT NULL, 
    legal_basis TEXT COLLATE "C" NOT NULL, 
    captured_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    capture_source TEXT COLLATE "C" NOT NULL, 
    text_version TEXT COLLATE "C", 
    double_opt_in_at TIMESTAMP WITH TIME ZONE, 
    brand TEXT COLLATE "C", 
    evidence TEXT COLLATE "C", 
    document JSONB, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT fk_consent_entry_customer_id FOREIGN KEY(tenant, customer_id) REFERENCES customer (tenant, id)
);
CREATE INDEX ix_consent_entry_customer_id_captured_at ON consent_entry (tenant, customer_id, captured_at, id);
CREATE TABLE contact_intent (
    tenant TEXT COLLATE "C" NOT NULL, 
    id UUID NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    added_by TEXT COLLATE "C", 
    added_because TEXT COLLATE "C", 
    customer_id UUID NOT NULL, 
    run TEXT COLLATE "C" NOT NULL, 
    as_of DATE NOT NULL, 
    created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    kind TEXT COLLATE "C" NOT NULL, 
    topic TEXT COLLATE "C" NOT NULL, 
    text TEXT COLLATE "C" NOT NULL, 
    channel TEXT COLLATE "C" NOT NULL, 
    address TEXT COLLATE "C", 
    purpose TEXT COLLATE "C" NOT NULL, 
    send_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    plan TEXT COLLATE "C", 
    campaign_id UUID, 
    document JSONB, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT fk_contact_intent_customer_id FOREIGN KEY(tenant, customer_id) REFERENCES customer (tenant, id)
);
CREATE INDEX ix_contact_intent_customer_id_created_at ON contact_intent (tenant, customer_id, created_at, id);
CREATE INDEX ix_contact_intent_run_as_of ON contact_intent (tenant, run, as_of, id);
CREATE TABLE contact_policy (
    tenant TEXT COLLATE "C" NOT NULL, 
    id UUID NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    added_by TEXT COLLATE "C", 
    added_because TEXT COLLATE "C", 
    customer_id UUID, 
    purpose TEXT COLLATE "C", 
    zone TEXT COLLATE "C" NOT NULL, 
    preferred TEXT COLLATE "C", 
    only_preferred BOOLEAN NOT NULL, 
    document JSONB, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT fk_contact_policy_customer_id FOREIGN KEY(tenant, customer_id) REFERENCES customer (tenant, id)
);
CREATE INDEX ix_contact_policy_customer_id ON contact_policy (tenant, customer_id, id) WHERE customer_id IS NOT NULL;
CREATE TABLE contribution (
    tenant TEXT COLLATE "C" NOT NULL, 
    id UUID NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    added_by TEXT COLLATE "C", 
    added_because TEXT COLLATE "C", 
    author_id UUID NOT NULL, 
    kind TEXT COLLATE "C" NOT NULL, 
    key TEXT COLLATE "C" NOT NULL, 
    made_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    link TEXT COLLATE "C", 
    text_ref TEXT COLLATE "C", 
    disclosed BOOLEAN NOT NULL, 
    document JSONB, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_contribution_key UNIQUE (tenant, key, live), 
    CONSTRAINT fk_contribution_author_id FOREIGN KEY(tenant, author_id) REFERENCES customer (tenant, id)
);
CREATE INDEX ix_contribution_author_id_made_at ON contribution (tenant, author_id, made_at, id);
CREATE TABLE customer_fact (
    tenant TEXT COLLATE "C" NOT NULL, 
    id UUID NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    added_by TEXT COLLATE "C", 
    added_because TEXT COLLATE "C", 
    customer_id UUID NOT NULL, 
    value TEXT COLLATE "C", 
    strength DOUBLE PRECISION NOT NULL, 
    origin TEXT COLLATE "C" NOT NULL, 
    confidence DOUBLE PRECISION NOT NULL, 
    recorded_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    document JSONB, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT fk_customer_fact_customer_id FOREIGN KEY(tenant, customer_id) REFERENCES customer (tenant, id)
);
CREATE INDEX ix_customer_fact_customer_id_recorded_at ON customer_fact (tenant, customer_id, recorded_at, id);
CREATE TABLE expense (
    tenant TEXT COLLATE "C" NOT NULL, 
    id UUID NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    added_by TEXT COLLATE "C", 
    added_because TEXT COLLATE "C", 
    customer_id UUID NOT NULL, 
    key TEXT COLLATE "C" NOT NULL, 
    at TIMESTAMP WITH TIME ZONE NOT NULL, 
    kind TEXT COLLATE "C" NOT NULL, 
    note TEXT COLLATE "C", 
    document JSONB, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_expense_key UNIQUE (tenant, key, live), 
    CONSTRAINT fk_expense_customer_id FOREIGN KEY(tenant, customer_id) REFERENCES customer (tenant, id)
);
CREATE INDEX ix_expense_at ON expense (tenant, at, id);
CREATE INDEX ix_expense_customer_id ON expense (tenant, customer_id, id);
CREATE TABLE exposure (
    tenant TEXT COLLATE "C" NOT NULL, 
    id UUID NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    added_by TEXT COLLATE "C", 
    added_because TEXT COLLATE "C", 
    experiment_id UUID NOT NULL, 
    customer_id UUID NOT NULL, 
    arm TEXT COLLATE "C" NOT NULL, 
    exposed_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    interaction_id UUID, 
    document JSONB, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT fk_exposure_experiment_id FOREIGN KEY(tenant, experiment_id) REFERENCES experiment (tenant, id), 
    CONSTRAINT fk_exposure_customer_id FOREIGN KEY(tenant, customer_id) REFERENCES customer (tenant, id)
);
CREATE INDEX ix_exposure_customer_id ON exposure (tenant, customer_id, id);
CREATE INDEX ix_exposure_experiment_id_exposed_at ON exposure (tenant, experiment_id, exposed_at, id);
CREATE TABLE finding (
    tenant TEXT COLLATE "C" NOT NULL, 
    id UUID NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    added_by TEXT COLLATE "C", 
    added_because TEXT COLLATE "C", 
    question TEXT COLLATE "C" NOT NULL, 
    experiment_id UUID, 
    arm TEXT COLLATE "C" NOT NULL, 
    control TEXT COLLATE "C" NOT NULL, 
    tactic TEXT COLLATE "C", 
    metric TEXT COLLATE "C" NOT NULL, 
    as_of DATE NOT NULL, 
    found_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    estimate DOUBLE PRECISION NOT NULL, 
    low DOUBLE PRECISION NOT NULL, 
    high DOUBLE PRECISION NOT NULL, 
    confidence DOUBLE PRECISION NOT NULL, 
    p_value DOUBLE PRECISION NOT NULL, 
    adjusted_p_value DOUBLE PRECISION NOT NULL, 
    treated BIGINT NOT NULL, 
    controls BIGINT NOT NULL, 
    contacts BIGINT NOT NULL, 
    treated_mean DOUBLE PRECISION NOT NULL, 
    control_mean DOUBLE PRECISION NOT NULL, 
    method TEXT COLLATE "C" NOT NULL, 
    document JSONB, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT fk_finding_experiment_id FOREIGN KEY(tenant, experiment_id) REFERENCES experiment (tenant, id)
);
CREATE INDEX ix_finding_experiment_id ON finding (tenant, experiment_id, id) WHERE experiment_id IS NOT NULL;
CREATE INDEX ix_finding_found_at ON finding (tenant, found_at, id);
CREATE INDEX ix_finding_question_as_of ON finding (tenant, question, as_of, id);
CREATE TABLE identity_link (
    tenant TEXT COLLATE "C" NOT NULL, 
    id UUID NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    added_by TEXT COLLATE "C", 
    added_because TEXT COLLATE "C", 
    record_id UUID NOT NULL, 
    customer_id UUID NOT NULL, 
    rule TEXT COLLATE "C" NOT NULL, 
    probability DOUBLE PRECISION NOT NULL, 
    decided_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    reason TEXT COLLATE "C" NOT NULL, 
    former_id UUID, 
    mate_id UUID, 
    document JSONB, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT fk_identity_link_record_id FOREIGN KEY(tenant, record_id) REFERENCES source_record (tenant, id), 
    CONSTRAINT fk_identity_link_customer_id FOREIGN KEY(tenant, customer_id) REFERENCES customer (tenant, id)
);
CREATE INDEX ix_identity_link_customer_id ON identity_link (tenant, customer_id, id);
CREATE INDEX ix_identity_link_former_id ON identity_link (tenant, former_id, id) WHERE former_id IS NOT NULL;
CREATE INDEX ix_identity_link_record_id_decided_at ON identity_link (tenant, record_id, decided_at, id);
CREATE TABLE interaction (
    tenant TEXT COLLATE "C" NOT NULL, 
    id UUID NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    added_by TEXT COLLATE "C", 
    added_because TEXT COLLATE "C", 
    customer_id UUID, 
    anonymous_id TEXT COLLATE "C", 
    kind TEXT COLLATE "C" NOT NULL, 
    direction TEXT COLLATE "C" NOT NULL, 
    channel TEXT COLLATE "C" NOT NULL, 
    mode TEXT COLLATE "C" NOT NULL, 
    assisted BOOLEAN NOT NULL, 
    occurred_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    recorded_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    subject TEXT COLLATE "C", 
    summary TEXT COLLATE "C", 
    outcome TEXT COLLATE "C", 
    sentiment DOUBLE PRECISION, 
    conversation_id UUID, 
    case_id UUID, 
    opportunity_id UUID, 
    campaign_id UUID, 
    order_id UUID, 
    idempotency_key TEXT COLLATE "C" NOT NULL, 
    document JSONB, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_interaction_idempotency_key UNIQUE (tenant, idempotency_key, live), 
    CONSTRAINT fk_interaction_customer_id FOREIGN KEY(tenant, customer_id) REFERENCES customer (tenant, id)
);
CREATE INDEX ix_interaction_anonymous_id ON interaction (tenant, anonymous_id, id) WHERE anonymous_id IS NOT NULL;
CREATE INDEX ix_interaction_customer_id_occurred_at ON interaction (tenant, customer_id, occurred_at, id) WHERE customer_id IS NOT NULL;
CREATE INDEX ix_interaction_occurred_at ON interaction (tenant, occurred_at, id);
CREATE TABLE lead (
    tenant TEXT COLLATE "C" NOT NULL, 
    id UUID NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    added_by TEXT COLLATE "C", 
    added_because TEXT COLLATE "C", 
    customer_id UUID NOT NULL, 
    source TEXT COLLATE "C" NOT NULL, 
    created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    owner_id UUID, 
    topic TEXT COLLATE "C", 
    document JSONB, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT fk_lead_customer_id FOREIGN KEY(tenant, customer_id) REFERENCES customer (tenant, id)
);
CREATE INDEX ix_lead_created_at ON lead (tenant, created_at, id);
CREATE INDEX ix_lead_customer_id_created_at ON lead (tenant, customer_id, created_at, id);
CREATE TABLE magnet_claim (
    tenant TEXT COLLATE "C" NOT NULL, 
    id UUID NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    added_by TEXT COLLATE "C", 
    added_because TEXT COLLATE "C", 
    magnet_id UUID NOT NULL, 
    customer_id UUID NOT NULL, 
    claimed_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    document JSONB, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_magnet_claim_magnet_id_customer_id UNIQUE (tenant, magnet_id, customer_id, live), 
    CONSTRAINT fk_magnet_claim_magnet_id FOREIGN KEY(tenant, magnet_id) REFERENCES lead_magnet (tenant, id), 
    CONSTRAINT fk_magnet_claim_customer_id FOREIGN KEY(tenant, customer_id) REFERENCES customer (tenant, id)
);
CREATE INDEX ix_magnet_claim_customer_id ON magnet_claim (tenant, customer_id, id);
CREATE INDEX ix_magnet_claim_magnet_id ON magnet_claim (tenant, magnet_id, id);
CREATE TABLE match_decision (
    tenant TEXT COLLATE "C" NOT NULL, 
    id UUID NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    added_by TEXT COLLATE "C", 
    added_because TEXT COLLATE "C", 
    left_id UUID NOT NULL, 
    right_id UUID NOT NULL, 
    same BOOLEAN NOT NULL, 
    decided_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    decided_by TEXT COLLATE "C", 
    reason TEXT COLLATE "C" NOT NULL, 
    revokes UUID, 
    winner_id UUID, 
    loser_id UUID, 
    own_first_touch_at TIMESTAMP WITH TIME ZONE, 
    document JSONB, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT fk_match_decision_left_id FOREIGN KEY(tenant, left_id) REFERENCES source_record (tenant, id), 
    CONSTRAINT fk_match_decision_right_id FOREIGN KEY(tenant, right_id) REFERENCES source_record (tenant, id)
);
CREATE INDEX ix_match_decision_decided_at ON match_decision (tenant, decided_at, id);
CREATE INDEX ix_match_decision_left_id ON match_decision (tenant, left_id, id);
CREATE INDEX ix_match_decision_right_id ON match_decision (tenant, right_id, id);
CREATE TABLE match_question (
    tenant TEXT COLLATE "C" NOT NULL, 
    id UUID NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    added_by TEXT COLLATE "C", 
    added_because TEXT COLLATE "C", 
    left_id UUID NOT NULL, 
    right_id UUID NOT NULL, 
    probability DOUBLE PRECISION NOT NULL, 
    weight DOUBLE PRECISION NOT NULL, 
    why TEXT COLLATE "C" NOT NULL, 
    asked_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    document JSONB, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT fk_match_question_left_id FOREIGN KEY(tenant, left_id) REFERENCES source_record (tenant, id), 
    CONSTRAINT fk_match_question_right_id FOREIGN KEY(tenant, right_id) REFERENCES source_record (tenant, id)
);
CREATE INDEX ix_match_question_left_id ON match_question (tenant, left_id, id);
CREATE INDEX ix_match_question_probability ON match_question (tenant, probability, id);
CREATE INDEX ix_match_question_right_id ON match_question (tenant, right_id, id);
CREATE TABLE next_step (
    tenant TEXT COLLATE "C" NOT NULL, 
    id UUID NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    added_by TEXT COLLATE "C", 
    added_because TEXT COLLATE "C", 
    customer_id UUID NOT NULL, 
    owner TEXT COLLATE "C", 
    made_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    document JSONB, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT fk_next_step_customer_id FOREIGN KEY(tenant, customer_id) REFERENCES customer (tenant, id)
);
CREATE INDEX ix_next_step_customer_id_made_at ON next_step (tenant, customer_id, made_at, id);
CREATE INDEX ix_next_step_expires_at ON next_step (tenant, expires_at, id);
CREATE TABLE offer_decision (
    tenant TEXT COLLATE "C" NOT NULL, 
    id UUID NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    added_by TEXT COLLATE "C", 
    added_because TEXT COLLATE "C", 
    customer_id UUID NOT NULL, 
    run TEXT COLLATE "C" NOT NULL, 
    as_of DATE NOT NULL, 
    decided_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    offer_id UUID, 
    sku TEXT COLLATE "C", 
    channel TEXT COLLATE "C", 
    fallback BOOLEAN NOT NULL, 
    policy TEXT COLLATE "C", 
    arm TEXT COLLATE "C", 
    context TEXT COLLATE "C", 
    probability DOUBLE PRECISION, 
    since DATE, 
    expires_at TIMESTAMP WITH TIME ZONE, 
    document JSONB, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT fk_offer_decision_customer_id FOREIGN KEY(tenant, customer_id) REFERENCES customer (tenant, id)
);
CREATE INDEX ix_offer_decision_customer_id_decided_at ON offer_decision (tenant, customer_id, decided_at, id);
CREATE INDEX ix_offer_decision_offer_id ON offer_decision (tenant, offer_id, id) WHERE offer_id IS NOT NULL;
CREATE INDEX ix_offer_decision_run_as_of ON offer_decision (tenant, run, as_of, id);
CREATE TABLE outcome (
    tenant TEXT COLLATE "C" NOT NULL, 
    id UUID NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    added_by TEXT COLLATE "C", 
    added_because TEXT COLLATE "C", 
    customer_id UUID NOT NULL, 
    metric TEXT COLLATE "C" NOT NULL, 
    value DOUBLE PRECISION NOT NULL, 
    at TIMESTAMP WITH TIME ZONE NOT NULL, 
    exposed_at TIMESTAMP WITH TIME ZONE, 
    evidence_id UUID, 
    document JSONB, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT fk_outcome_customer_id FOREIGN KEY(tenant, customer_id) REFERENCES customer (tenant, id)
);
CREATE INDEX ix_outcome_customer_id_at ON outcome (tenant, customer_id, at, id);
CREATE INDEX ix_outcome_metric_at ON outcome (tenant, metric, at, id);
CREATE TABLE points_account (
    tenant TEXT COLLATE "C" NOT NULL, 
    id UUID NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    added_by TEXT COLLATE "C", 
    added_because TEXT COLLATE "C", 
    member_id UUID NOT NULL, 
    program TEXT COLLATE "C" NOT NULL, 
    zone TEXT COLLATE "C" NOT NULL, 
    debt BIGINT NOT NULL, 
    earned BIGINT NOT NULL, 
    spent BIGINT NOT NULL, 
    expired BIGINT NOT NULL, 
    reversed BIGINT NOT NULL, 
    adjusted BIGINT NOT NULL, 
    transferred BIGINT NOT NULL, 
    posted BIGINT NOT NULL, 
    last_at TIMESTAMP WITH TIME ZONE, 
    document JSONB, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_points_account_member_id_program UNIQUE (tenant, member_id, program, live), 
    CONSTRAINT fk_points_account_member_id FOREIGN KEY(tenant, member_id) REFERENCES customer (tenant, id)
);
CREATE INDEX ix_points_account_member_id ON points_account (tenant, member_id, id);
CREATE TABLE promise (
    tenant TEXT COLLATE "C" NOT NULL, 
    id UUID NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    added_by TEXT COLLATE "C", 
    added_because TEXT COLLATE "C", 
    customer_id UUID NOT NULL, 
    kind TEXT COLLATE "C" NOT NULL, 
    what TEXT COLLATE "C" NOT NULL, 
    made_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    due TIMESTAMP WITH TIME ZONE NOT NULL, 
    kept_at TIMESTAMP WITH TIME ZONE, 
    released_at TIMESTAMP WITH TIME ZONE, 
    note TEXT COLLATE "C", 
    key TEXT COLLATE "C" NOT NULL, 
    document JSONB, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_promise_key UNIQUE (tenant, key, live), 
    CONSTRAINT fk_promise_customer_id FOREIGN KEY(tenant, customer_id) REFERENCES customer (tenant, id)
);
CREATE INDEX ix_promise_customer_id_due ON promise (tenant, customer_id, due, id);
CREATE INDEX ix_promise_due ON promise (tenant, due, id);
CREATE TABLE purchase (
    tenant TEXT COLLATE "C" NOT NULL, 
    id UUID NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    added_by TEXT COLLATE "C", 
    added_because TEXT COLLATE "C", 
    customer_id UUID NOT NULL, 
    number TEXT COLLATE "C" NOT NULL, 
    placed_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    currency TEXT COLLATE "C" NOT NULL, 
    status TEXT COLLATE "C" NOT NULL, 
    channel TEXT COLLATE "C", 
    promised_at TIMESTAMP WITH TIME ZONE, 
    delivered_at TIMESTAMP WITH TIME ZONE, 
    cart_id UUID, 
    document JSONB, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_purchase_number UNIQUE (tenant, number, live), 
    CONSTRAINT fk_purchase_customer_id FOREIGN KEY(tenant, customer_id) REFERENCES customer (tenant, id)
);
CREATE INDEX ix_purchase_customer_id_placed_at ON purchase (tenant, customer_id, placed_at, id);
CREATE INDEX ix_purchase_placed_at ON purchase (tenant, placed_at, id);
CREATE INDEX ix_purchase_status_placed_at ON purchase (tenant, status, placed_at, id);
CREATE TABLE redemption (
    tenant TEXT COLLATE "C" NOT NULL, 
    id UUID NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    added_by TEXT COLLATE "C", 
    added_because TEXT COLLATE "C", 
    member_id UUID NOT NULL, 
    reward_id UUID NOT NULL, 
    points BIGINT NOT NULL, 
    entry_key TEXT COLLATE "C" NOT NULL, 
    at TIMESTAMP WITH TIME ZONE NOT NULL, 
    status TEXT COLLATE "C" NOT NULL, 
    document JSONB, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT fk_redemption_member_id FOREIGN KEY(tenant, member_id) REFERENCES customer (tenant, id), 
    CONSTRAINT fk_redemption_reward_id FOREIGN KEY(tenant, reward_id) REFERENCES reward (tenant, id)
);
CREATE INDEX ix_redemption_member_id_at ON redemption (tenant, member_id, at, id);
CREATE INDEX ix_redemption_reward_id ON redemption (tenant, reward_id, id);
CREATE TABLE referral (
    tenant TEXT COLLATE "C" NOT NULL, 
    id UUID NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    added_by TEXT COLLATE "C", 
    added_because TEXT COLLATE "C", 
    program_code TEXT COLLATE "C" NOT NULL, 
    code TEXT COLLATE "C" NOT NULL, 
    advocate_id UUID NOT NULL, 
    friend_id UUID, 
    status TEXT COLLATE "C" NOT NULL, 
    invited_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    joined_at TIMESTAMP WITH TIME ZONE, 
    qualified_at TIMESTAMP WITH TIME ZONE, 
    closed_at TIMESTAMP WITH TIME ZONE, 
    reason TEXT COLLATE "C", 
    note TEXT COLLATE "C", 
    document JSONB, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT fk_referral_advocate_id FOREIGN KEY(tenant, advocate_id) REFERENCES customer (tenant, id), 
    CONSTRAINT fk_referral_friend_id FOREIGN KEY(tenant, friend_id) REFERENCES customer (tenant, id)
);
CREATE INDEX ix_referral_advocate_id ON referral (tenant, advocate_id, id);
CREATE INDEX ix_referral_friend_id ON referral (tenant, friend_id, id) WHERE friend_id IS NOT NULL;
CREATE INDEX ix_referral_program_code_advocate_id ON referral (tenant, program_code, advocate_id, id);
CREATE TABLE segment_membership (
    tenant TEXT COLLATE "C" NOT NULL, 
    id UUID NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    added_by TEXT COLLATE "C", 
    added_because TEXT COLLATE "C", 
    segment TEXT COLLATE "C" NOT NULL, 
    customer_id UUID NOT NULL, 
    period_start TIMESTAMP WITH TIME ZONE, 
    period_end TIMESTAMP WITH TIME ZONE, 
    document JSONB, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT fk_segment_membership_customer_id FOREIGN KEY(tenant, customer_id) REFERENCES customer (tenant, id)
);
CREATE INDEX ix_segment_membership_customer_id ON segment_membership (tenant, customer_id, id);
CREATE INDEX ix_segment_membership_period_end ON segment_membership (tenant, period_end, id) WHERE period_end IS NOT NULL;
CREATE INDEX ix_segment_membership_period_start ON segment_membership (tenant, period_start, id) WHERE period_start IS NOT NULL;
CREATE INDEX ix_segment_membership_segment ON segment_membership (tenant, segment, id);
CREATE TABLE stage_change (
    tenant TEXT COLLATE "C" NOT NULL, 
    id UUID NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    added_by TEXT COLLATE "C", 
    added_because TEXT COLLATE "C", 
    customer_id UUID NOT NULL, 
    from_stage TEXT COLLATE "C", 
    to_stage TEXT COLLATE "C" NOT NULL, 
    occurred_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    recorded_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    reason TEXT COLLATE "C" NOT NULL, 
    policy_version TEXT COLLATE "C" NOT NULL, 
    forced BOOLEAN NOT NULL, 
    note TEXT COLLATE "C", 
    document JSONB, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT fk_stage_change_customer_id FOREIGN KEY(tenant, customer_id) REFERENCES customer (tenant, id)
);
CREATE INDEX ix_stage_change_customer_id_occurred_at ON stage_change (tenant, customer_id, occurred_at, id);
CREATE TABLE suppression (
    tenant TEXT COLLATE "C" NOT NULL, 
    id UUID NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    added_by TEXT COLLATE "C", 
    added_because TEXT COLLATE "C", 
    address TEXT COLLATE "C", 
    customer_id UUID, 
    channel TEXT COLLATE "C", 
    reason TEXT COLLATE "C" NOT NULL, 
    since TIMESTAMP WITH TIME ZONE NOT NULL, 
    until TIMESTAMP WITH TIME ZONE, 
    document JSONB, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT fk_suppression_customer_id FOREIGN KEY(tenant, customer_id) REFERENCES customer (tenant, id)
);
CREATE INDEX ix_suppression_address ON suppression (tenant, address, id) WHERE address IS NOT NULL;
CREATE INDEX ix_suppression_customer_id ON suppression (tenant, customer_id, id) WHERE customer_id IS NOT NULL;
CREATE TABLE task (
    tenant TEXT COLLATE "C" NOT NULL, 
    id UUID NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    added_by TEXT COLLATE "C", 
    added_because TEXT COLLATE "C", 
    title TEXT COLLATE "C" NOT NULL, 
    customer_id UUID, 
    created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    due TIMESTAMP WITH TIME ZONE, 
    priority BIGINT NOT NULL, 
    status TEXT COLLATE "C" NOT NULL, 
    completed_at TIMESTAMP WITH TIME ZONE, 
    key TEXT COLLATE "C" NOT NULL, 
    document JSONB, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_task_key UNIQUE (tenant, key, live), 
    CONSTRAINT fk_task_customer_id FOREIGN KEY(tenant, customer_id) REFERENCES customer (tenant, id)
);
CREATE INDEX ix_task_customer_id ON task (tenant, customer_id, id) WHERE customer_id IS NOT NULL;
CREATE INDEX ix_task_status_due ON task (tenant, status, due, id);
CREATE TABLE touchpoint (
    tenant TEXT COLLATE "C" NOT NULL, 
    id UUID NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    added_by TEXT COLLATE "C", 
    added_because TEXT COLLATE "C", 
    customer_id UUID, 
    anonymous_id TEXT COLLATE "C", 
    at TIMESTAMP WITH TIME ZONE NOT NULL, 
    channel TEXT COLLATE "C" NOT NULL, 
    source TEXT COLLATE "C" NOT NULL, 
    medium TEXT COLLATE "C", 
    campaign TEXT COLLATE "C", 
    content TEXT COLLATE "C", 
    term TEXT COLLATE "C", 
    referrer TEXT COLLATE "C", 
    key TEXT COLLATE "C" NOT NULL, 
    document JSONB, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_touchpoint_key UNIQUE (tenant, key, live), 
    CONSTRAINT fk_touchpoint_customer_id FOREIGN KEY(tenant, customer_id) REFERENCES customer (tenant, id)
);
CREATE INDEX ix_touchpoint_anonymous_id ON touchpoint (tenant, anonymous_id, id) WHERE anonymous_id IS NOT NULL;
CREATE INDEX ix_touchpoint_customer_id_at ON touchpoint (tenant, customer_id, at, id) WHERE customer_id IS NOT NULL;
CREATE TABLE unallocated_refund (
    tenant TEXT COLLATE "C" NOT NULL, 
    id UUID NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    added_by TEXT COLLATE "C", 
    added_because TEXT COLLATE "C", 
    customer_id UUID NOT NULL, 
    key TEXT COLLATE "C" NOT NULL, 
    at TIMESTAMP WITH TIME ZONE NOT NULL, 
    sku TEXT COLLATE "C", 
    reason TEXT COLLATE "C", 
    document JSONB, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_unallocated_refund_key UNIQUE (tenant, key, live), 
    CONSTRAINT fk_unallocated_refund_customer_id FOREIGN KEY(tenant, customer_id) REFERENCES customer (tenant, id)
);
CREATE INDEX ix_unallocated_refund_at ON unallocated_refund (tenant, at, id);
CREATE INDEX ix_unallocated_refund_customer_id ON unallocated_refund (tenant, customer_id, id);
CREATE TABLE withheld_answer (
    tenant TEXT COLLATE "C" NOT NULL, 
    id UUID NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    added_by TEXT COLLATE "C", 
    added_because TEXT COLLATE "C", 
    customer_id UUID NOT NULL, 
    about TEXT COLLATE "C" NOT NULL, 
    recorded_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    document JSONB, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT fk_withheld_answer_customer_id FOREIGN KEY(tenant, customer_id) REFERENCES customer (tenant, id)
);
CREATE INDEX ix_withheld_answer_customer_id_recorded_at ON withheld_answer (tenant, customer_id, recorded_at, id);
CREATE TABLE action_plan (
    tenant TEXT COLLATE "C" NOT NULL, 
    id UUID NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    added_by TEXT COLLATE "C", 
    added_because TEXT COLLATE "C", 
    code TEXT COLLATE "C" NOT NULL, 
    goal TEXT COLLATE "C" NOT NULL, 
    finding_id UUID, 
    document JSONB, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_action_plan_code UNIQUE (tenant, code, live), 
    CONSTRAINT fk_action_plan_finding_id FOREIGN KEY(tenant, finding_id) REFERENCES finding (tenant, id)
);
CREATE INDEX ix_action_plan_finding_id ON action_plan (tenant, finding_id, id) WHERE finding_id IS NOT NULL;
CREATE TABLE decision (
    tenant TEXT COLLATE "C" NOT NULL, 
    id UUID NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    added_by TEXT COLLATE "C", 
    added_because TEXT COLLATE "C", 
    finding_id UUID NOT NULL, 
    recommended TEXT COLLATE "C" NOT NULL, 
    decided TEXT COLLATE "C" NOT NULL, 
    decided_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    note TEXT COLLATE "C", 
    next_experiment_id UUID, 
    document JSONB, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT fk_decision_finding_id FOREIGN KEY(tenant, finding_id) REFERENCES finding (tenant, id), 
    CONSTRAINT fk_decision_next_experiment_id FOREIGN KEY(tenant, next_experiment_id) REFERENCES experiment (tenant, id)
);
CREATE INDEX ix_decision_decided_at ON decision (tenant, decided_at, id);
CREATE INDEX ix_decision_finding_id ON decision (tenant, finding_id, id);
CREATE INDEX ix_decision_next_experiment_id ON decision (tenant, next_experiment_id, id) WHERE next_experiment_id IS NOT NULL;
CREATE TABLE lead_change (
    tenant TEXT COLLATE "C" NOT NULL, 
    id UUID NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    added_by TEXT COLLATE "C", 
    added_because TEXT COLLATE "C", 
    lead_id UUID NOT NULL, 
    from_state TEXT COLLATE "C" NOT NULL, 
    to_state TEXT COLLATE "C" NOT NULL, 
    occurred_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    reason TEXT COLLATE "C" NOT NULL, 
    rules_version TEXT COLLATE "C", 
    document JSONB, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT fk_lead_change_lead_id FOREIGN KEY(tenant, lead_id) REFERENCES lead (tenant, id)
);
CREATE INDEX ix_lead_change_lead_id_occurred_at ON lead_change (tenant, lead_id, occurred_at, id);
CREATE TABLE moderation_entry (
    tenant TEXT COLLATE "C" NOT NULL, 
    id UUID NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    added_by TEXT COLLATE "C", 
    added_because TEXT COLLATE "C", 
    contribution_id UUID NOT NULL, 
    verdict TEXT COLLATE "C" NOT NULL, 
    moderator TEXT COLLATE "C" NOT NULL, 
    at TIMESTAMP WITH TIME ZONE NOT NULL, 
    reason TEXT COLLATE "C", 
    document JSONB, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT fk_moderation_entry_contribution_id FOREIGN KEY(tenant, contribution_id) REFERENCES contribution (tenant, id)
);
CREATE INDEX ix_moderation_entry_contribution_id_at ON moderation_entry (tenant, contribution_id, at, id);
CREATE TABLE offer_outcome (
    tenant TEXT COLLATE "C" NOT NULL, 
    id UUID NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    added_by TEXT COLLATE "C", 
    added_because TEXT COLLATE "C", 
    decision_id UUID NOT NULL, 
    answer TEXT COLLATE "C" NOT NULL, 
    at TIMESTAMP WITH TIME ZONE NOT NULL, 
    order_id UUID, 
    document JSONB, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_offer_outcome_decision_id UNIQUE (tenant, decision_id, live), 
    CONSTRAINT fk_offer_outcome_decision_id FOREIGN KEY(tenant, decision_id) REFERENCES offer_decision (tenant, id), 
    CONSTRAINT fk_offer_outcome_order_id FOREIGN KEY(tenant, order_id) REFERENCES purchase (tenant, id)
);
CREATE INDEX ix_offer_outcome_at ON offer_outcome (tenant, at, id);
CREATE INDEX ix_offer_outcome_decision_id ON offer_outcome (tenant, decision_id, id);
CREATE INDEX ix_offer_outcome_order_id ON offer_outcome (tenant, order_id, id) WHERE order_id IS NOT NULL;
CREATE TABLE offer_override (
    tenant TEXT COLLATE "C" NOT NULL, 
    id UUID NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    added_by TEXT COLLATE "C", 
    added_because TEXT COLLATE "C", 
    decision_id UUID NOT NULL, 
    offer_id UUID, 
    at TIMESTAMP WITH TIME ZONE NOT NULL, 
    note TEXT COLLATE "C" NOT NULL, 
    document JSONB, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT fk_offer_override_decision_id FOREIGN KEY(tenant, decision_id) REFERENCES offer_decision (tenant, id), 
    CONSTRAINT fk_offer_override_offer_id FOREIGN KEY(tenant, offer_id) REFERENCES offer (tenant, id)
);
CREATE INDEX ix_offer_override_at ON offer_override (tenant, at, id);
CREATE INDEX ix_offer_override_decision_id ON offer_override (tenant, decision_id, id);
CREATE INDEX ix_offer_override_offer_id ON offer_override (tenant, offer_id, id) WHERE offer_id IS NOT NULL;
CREATE TABLE opportunity (
    tenant TEXT COLLATE "C" NOT NULL, 
    id UUID NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    added_by TEXT COLLATE "C", 
    added_because TEXT COLLATE "C", 
    customer_id UUID NOT NULL, 
    name TEXT COLLATE "C" NOT NULL, 
    pipeline_id UUID NOT NULL, 
    opened_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    owner_id UUID, 
    source TEXT COLLATE "C", 
    campaign_id UUID, 
    lead_id UUID, 
    first_touch_id UUID, 
    last_touch_id UUID, 
    key TEXT COLLATE "C" NOT NULL, 
    changes BIGINT NOT NULL, 
    document JSONB, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_opportunity_key UNIQUE (tenant, key, live), 
    CONSTRAINT fk_opportunity_customer_id FOREIGN KEY(tenant, customer_id) REFERENCES customer (tenant, id), 
    CONSTRAINT fk_opportunity_pipeline_id FOREIGN KEY(tenant, pipeline_id) REFERENCES pipeline (tenant, id), 
    CONSTRAINT fk_opportunity_campaign_id FOREIGN KEY(tenant, campaign_id) REFERENCES campaign (tenant, id), 
    CONSTRAINT fk_opportunity_lead_id FOREIGN KEY(tenant, lead_id) REFERENCES lead (tenant, id), 
    CONSTRAINT fk_opportunity_first_touch_id FOREIGN KEY(tenant, first_touch_id) REFERENCES touchpoint (tenant, id), 
    CONSTRAINT fk_opportunity_last_touch_id FOREIGN KEY(tenant, last_touch_id) REFERENCES touchpoint (tenant, id)
);
CREATE INDEX ix_opportunity_campaign_id ON opportunity (tenant, campaign_id, id) WHERE campaign_id IS NOT NULL;
CREATE INDEX ix_opportunity_customer_id_opened_at ON opportunity (tenant, customer_id, opened_at, id);
CREATE INDEX ix_opportunity_first_touch_id ON opportunity (tenant, first_touch_id, id) WHERE first_touch_id IS NOT NULL;
CREATE INDEX ix_opportunity_last_touch_id ON opportunity (tenant, last_touch_id, id) WHERE last_touch_id IS NOT NULL;
CREATE INDEX ix_opportunity_lead_id ON opportunity (tenant, lead_id, id) WHERE lead_id IS NOT NULL;
CREATE INDEX ix_opportunity_opened_at ON opportunity (tenant, opened_at, id);
CREATE INDEX ix_opportunity_owner_id ON opportunity (tenant, owner_id, id) WHERE owner_id IS NOT NULL;
CREATE INDEX ix_opportunity_pipeline_id ON opportunity (tenant, pipeline_id, id);
CREATE TABLE points_entry (
    tenant TEXT COLLATE "C" NOT NULL, 
    id UUID NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    added_by TEXT COLLATE "C", 
    added_because TEXT COLLATE "C", 
    account_id UUID NOT NULL, 
    number BIGINT NOT NULL, 
    key TEXT COLLATE "C" NOT NULL, 
    request TEXT COLLATE "C" NOT NULL, 
    kind TEXT COLLATE "C" NOT NULL, 
    at TIMESTAMP WITH TIME ZONE NOT NULL, 
    rule TEXT COLLATE "C", 
    of_entry UUID, 
    hold TEXT COLLATE "C", 
    reason TEXT COLLATE "C", 
    document JSONB, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_points_entry_account_id_key UNIQUE (tenant, account_id, key, live), 
    CONSTRAINT fk_points_entry_account_id FOREIGN KEY(tenant, account_id) REFERENCES points_account (tenant, id)
);
CREATE INDEX ix_points_entry_account_id_number ON points_entry (tenant, account_id, number, id);
CREATE TABLE stage_retraction (
    tenant TEXT COLLATE "C" NOT NULL, 
    id UUID NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    added_by TEXT COLLATE "C", 
    added_because TEXT COLLATE "C", 
    customer_id UUID NOT NULL, 
    change_id UUID NOT NULL, 
    recorded_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    policy_version TEXT COLLATE "C" NOT NULL, 
    document JSONB, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT fk_stage_retraction_customer_id FOREIGN KEY(tenant, customer_id) REFERENCES customer (tenant, id), 
    CONSTRAINT fk_stage_retraction_change_id FOREIGN KEY(tenant, change_id) REFERENCES stage_change (tenant, id)
);
CREATE INDEX ix_stage_retraction_change_id ON stage_retraction (tenant, change_id, id);
CREATE INDEX ix_stage_retraction_customer_id ON stage_retraction (tenant, customer_id, id);
CREATE TABLE vote (
    tenant TEXT COLLATE "C" NOT NULL, 
    id UUID NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    added_by TEXT COLLATE "C", 
    added_because TEXT COLLATE "C", 
    contribution_id UUID NOT NULL, 
    voter_id UUID NOT NULL, 
    kind TEXT COLLATE "C" NOT NULL, 
    at TIMESTAMP WITH TIME ZONE NOT NULL, 
    document JSONB, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT fk_vote_contribution_id FOREIGN KEY(tenant, contribution_id) REFERENCES contribution (tenant, id), 
    CONSTRAINT fk_vote_voter_id FOREIGN KEY(tenant, voter_id) REFERENCES customer (tenant, id)
);
CREATE INDEX ix_vote_contribution_id_at ON vote (tenant, contribution_id, at, id);
CREATE INDEX ix_vote_voter_id ON vote (tenant, voter_id, id);
CREATE TABLE vote_review (
    tenant TEXT COLLATE "C" NOT NULL, 
    id UUID NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    added_by TEXT COLLATE "C", 
    added_because TEXT COLLATE "C", 
    contribution_id UUID NOT NULL, 
    voter_id UUID NOT NULL, 
    state TEXT COLLATE "C" NOT NULL, 
    at TIMESTAMP WITH TIME ZONE NOT NULL, 
    actor TEXT COLLATE "C", 
    document JSONB, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT fk_vote_review_contribution_id FOREIGN KEY(tenant, contribution_id) REFERENCES contribution (tenant, id), 
    CONSTRAINT fk_vote_review_voter_id FOREIGN KEY(tenant, voter_id) REFERENCES customer (tenant, id)
);
CREATE INDEX ix_vote_review_contribution_id_at ON vote_review (tenant, contribution_id, at, id);
CREATE INDEX ix_vote_review_voter_id ON vote_review (tenant, voter_id, id);
CREATE TABLE conversion (
    tenant TEXT COLLATE "C" NOT NULL, 
    id UUID NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    added_by TEXT COLLATE "C", 
    added_because TEXT COLLATE "C", 
    lead_id UUID NOT NULL, 
    customer_id UUID NOT NULL, 
    opportunity_id UUID, 
    order_id UUID, 
    at TIMESTAMP WITH TIME ZONE NOT NULL, 
    document JSONB, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT fk_conversion_lead_id FOREIGN KEY(tenant, lead_id) REFERENCES lead (tenant, id), 
    CONSTRAINT fk_conversion_customer_id FOREIGN KEY(tenant, customer_id) REFERENCES customer (tenant, id), 
    CONSTRAINT fk_conversion_order_id FOREIGN KEY(tenant, order_id) REFERENCES purchase (tenant, id), 
    CONSTRAINT fk_conversion_opportunity_id FOREIGN KEY(tenant, opportunity_id) REFERENCES opportunity (tenant, id)
);
CREATE INDEX ix_conversion_at ON conversion (tenant, at, id);
CREATE INDEX ix_conversion_customer_id ON conversion (tenant, customer_id, id);
CREATE INDEX ix_conversion_lead_id ON conversion (tenant, lead_id, id);
CREATE INDEX ix_conversion_opportunity_id ON conversion (tenant, opportunity_id, id) WHERE opportunity_id IS NOT NULL;
CREATE INDEX ix_conversion_order_id ON conversion (tenant, order_id, id) WHERE order_id IS NOT NULL;
CREATE TABLE opportunity_change (
    tenant TEXT COLLATE "C" NOT NULL, 
    id UUID NOT NULL, 
    version BIGINT NOT NULL, 
    live SMALLINT, 
    added_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    added_by TEXT COLLATE "C", 
    added_because TEXT COLLATE "C", 
    opportunity_id UUID NOT NULL, 
    number BIGINT NOT NULL, 
    pipeline_id UUID NOT NULL, 
    former_pipeline_id UUID, 
    from_stage TEXT COLLATE "C", 
    to_stage TEXT COLLATE "C" NOT NULL, 
    kind TEXT COLLATE "C" NOT NULL, 
    occurred_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    recorded_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    reason TEXT COLLATE "C" NOT NULL, 
    forced BOOLEAN NOT NULL, 
    note TEXT COLLATE "C", 
    key TEXT COLLATE "C" NOT NULL, 
    document JSONB, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_opportunity_change_opportunity_id_number UNIQUE (tenant, opportunity_id, number, live), 
    CONSTRAINT uq_opportunity_change_opportunity_id_key UNIQUE (tenant, opportunity_id, key, live), 
    CONSTRAINT fk_opportunity_change_opportunity_id FOREIGN KEY(tenant, opportunity_id) REFERENCES opportunity (tenant, id), 
    CONSTRAINT fk_opportunity_change_pipeline_id FOREIGN KEY(tenant, pipeline_id) REFERENCES pipeline (tenant, id), 
    CONSTRAINT fk_opportunity_change_former_pipeline_id FOREIGN KEY(tenant, former_pipeline_id) REFERENCES pipeline (tenant, id)
);
CREATE INDEX ix_opportunity_change_former_pipeline_id ON opportunity_change (tenant, former_pipeline_id, id) WHERE former_pipeline_id IS NOT NULL;
CREATE INDEX ix_opportunity_change_occurred_at ON opportunity_change (tenant, occurred_at, id);
CREATE INDEX ix_opportunity_change_opportunity_id ON opportunity_change (tenant, opportunity_id, id);
CREATE INDEX ix_opportunity_change_pipeline_id ON opportunity_change (tenant, pipeline_id, id);
