CREATE TABLE automation_run (
    tenant TEXT NOT NULL, 
    id BLOB NOT NULL, 
    version INTEGER NOT NULL, 
    live INTEGER, 
    added_at TEXT NOT NULL, 
    added_by TEXT, 
    added_because TEXT, 
    process TEXT NOT NULL, 
    "key" TEXT NOT NULL, 
    at TEXT NOT NULL, 
    items INTEGER NOT NULL, 
    basis TEXT, 
    document TEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_automation_run_process_key UNIQUE (tenant, process, "key", live)
)
 STRICT;
CREATE INDEX ix_automation_run_at ON automation_run (tenant, at, id);
CREATE TABLE campaign (
    tenant TEXT NOT NULL, 
    id BLOB NOT NULL, 
    version INTEGER NOT NULL, 
    live INTEGER, 
    added_at TEXT NOT NULL, 
    added_by TEXT, 
    added_because TEXT, 
    code TEXT NOT NULL, 
    name TEXT NOT NULL, 
    objective TEXT NOT NULL, 
    kind TEXT NOT NULL, 
    text TEXT NOT NULL, 
    status TEXT NOT NULL, 
    segment TEXT, 
    open_list INTEGER NOT NULL, 
    purpose TEXT NOT NULL, 
    channel TEXT NOT NULL, 
    parent_id BLOB, 
    document TEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_campaign_code UNIQUE (tenant, code, live)
)
 STRICT;
CREATE INDEX ix_campaign_segment ON campaign (tenant, segment, id) WHERE segment IS NOT NULL;
CREATE TABLE capture_form (
    tenant TEXT NOT NULL, 
    id BLOB NOT NULL, 
    version INTEGER NOT NULL, 
    live INTEGER, 
    added_at TEXT NOT NULL, 
    added_by TEXT, 
    added_because TEXT, 
    code TEXT NOT NULL, 
    channel TEXT NOT NULL, 
    text_version TEXT NOT NULL, 
    most INTEGER NOT NULL, 
    document TEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_capture_form_code UNIQUE (tenant, code, live)
)
 STRICT;
CREATE TABLE change_feed (
    tenant TEXT NOT NULL, 
    id BLOB NOT NULL, 
    version INTEGER NOT NULL, 
    live INTEGER, 
    added_at TEXT NOT NULL, 
    added_by TEXT, 
    added_because TEXT, 
    epoch BLOB NOT NULL, 
    first INTEGER NOT NULL, 
    last INTEGER NOT NULL, 
    retold INTEGER NOT NULL, 
    document TEXT, 
    PRIMARY KEY (tenant, id)
)
 STRICT;
CREATE TABLE content (
    tenant TEXT NOT NULL, 
    id BLOB NOT NULL, 
    version INTEGER NOT NULL, 
    live INTEGER, 
    added_at TEXT NOT NULL, 
    added_by TEXT, 
    added_because TEXT, 
    code TEXT NOT NULL, 
    title TEXT NOT NULL, 
    kind TEXT NOT NULL, 
    asset TEXT, 
    document TEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_content_code UNIQUE (tenant, code, live)
)
 STRICT;
CREATE TABLE customer (
    tenant TEXT NOT NULL, 
    id BLOB NOT NULL, 
    version INTEGER NOT NULL, 
    live INTEGER, 
    added_at TEXT NOT NULL, 
    added_by TEXT, 
    added_because TEXT, 
    kind TEXT NOT NULL, 
    birth_date TEXT, 
    gender TEXT, 
    language TEXT, 
    zone TEXT, 
    country TEXT, 
    job_title TEXT, 
    department TEXT, 
    source TEXT, 
    owner_id BLOB, 
    first_touch_at TEXT, 
    identified_at TEXT, 
    is_deceased INTEGER NOT NULL, 
    processing TEXT NOT NULL, 
    name_family TEXT, 
    name_given TEXT, 
    name_full TEXT, 
    organisation_name TEXT, 
    organisation_parent_id BLOB, 
    document TEXT, 
    PRIMARY KEY (tenant, id)
)
 STRICT;
CREATE INDEX ix_customer_country ON customer (tenant, country, id) WHERE country IS NOT NULL;
CREATE INDEX ix_customer_name_family ON customer (tenant, name_family, id) WHERE name_family IS NOT NULL;
CREATE INDEX ix_customer_name_full ON customer (tenant, name_full, id) WHERE name_full IS NOT NULL;
CREATE INDEX ix_customer_name_given ON customer (tenant, name_given, id) WHERE name_given IS NOT NULL;
CREATE INDEX ix_customer_organisation_name ON customer (tenant, organisation_name, id) WHERE organisation_name IS NOT NULL;
CREATE INDEX ix_customer_organisation_parent_id ON customer (tenant, organisation_parent_id, id) WHERE organisation_parent_id IS NOT NULL;
CREATE INDEX ix_customer_owner_id ON customer (tenant, owner_id, id) WHERE owner_id IS NOT NULL;
CREATE INDEX ix_customer_source ON customer (tenant, source, id) WHERE source IS NOT NULL;
CREATE TABLE earning_rule (
    tenant TEXT NOT NULL, 
    id BLOB NOT NULL, 
    version INTEGER NOT NULL, 
    live INTEGER, 
    added_at TEXT NOT NULL, 
    added_by TEXT, 
    added_because TEXT, 
    code TEXT NOT NULL, 
    program TEXT NOT NULL, 
    event TEXT NOT NULL, 
    mode TEXT NOT NULL, 
    points INTEGER NOT NULL, 
    document TEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_earning_rule_program_code UNIQUE (tenant, program, code, live)
)
 STRICT;
CREATE TABLE experiment (
    tenant TEXT NOT NULL, 
    id BLOB NOT NULL, 
    version INTEGER NOT NULL, 
    live INTEGER, 
    added_at TEXT NOT NULL, 
    added_by TEXT, 
    added_because TEXT, 
    code TEXT NOT NULL, 
    name TEXT NOT NULL, 
    hypothesis TEXT, 
    control TEXT NOT NULL, 
    holdout REAL NOT NULL, 
    metric TEXT NOT NULL, 
    sample_size INTEGER, 
    campaign_id BLOB, 
    follows BLOB, 
    document TEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_experiment_code UNIQUE (tenant, code, live)
)
 STRICT;
CREATE INDEX ix_experiment_follows ON experiment (tenant, follows, id) WHERE follows IS NOT NULL;
CREATE TABLE feed_event (
    tenant TEXT NOT NULL, 
    id BLOB NOT NULL, 
    version INTEGER NOT NULL, 
    live INTEGER, 
    added_at TEXT NOT NULL, 
    added_by TEXT, 
    added_because TEXT, 
    position INTEGER NOT NULL, 
    type TEXT NOT NULL, 
    body TEXT NOT NULL, 
    at TEXT NOT NULL, 
    document TEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_feed_event_position UNIQUE (tenant, position, live)
)
 STRICT;
CREATE TABLE feed_reader (
    tenant TEXT NOT NULL, 
    id BLOB NOT NULL, 
    version INTEGER NOT NULL, 
    live INTEGER, 
    added_at TEXT NOT NULL, 
    added_by TEXT, 
    added_because TEXT, 
    name TEXT NOT NULL, 
    position INTEGER NOT NULL, 
    document TEXT, 
    PRIMARY KEY (tenant, id)
)
 STRICT;
CREATE TABLE import_run (
    tenant TEXT NOT NULL, 
    id BLOB NOT NULL, 
    version INTEGER NOT NULL, 
    live INTEGER, 
    added_at TEXT NOT NULL, 
    added_by TEXT, 
    added_because TEXT, 
    source TEXT NOT NULL, 
    "key" TEXT NOT NULL, 
    started_at TEXT NOT NULL, 
    finished_at TEXT, 
    dry_run INTEGER NOT NULL, 
    document TEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_import_run_source_key UNIQUE (tenant, source, "key", live)
)
 STRICT;
CREATE INDEX ix_import_run_started_at ON import_run (tenant, started_at, id);
CREATE TABLE knowledge_plan (
    tenant TEXT NOT NULL, 
    id BLOB NOT NULL, 
    version INTEGER NOT NULL, 
    live INTEGER, 
    added_at TEXT NOT NULL, 
    added_by TEXT, 
    added_because TEXT, 
    code TEXT NOT NULL, 
    revision INTEGER NOT NULL, 
    sure REAL NOT NULL, 
    stop_after INTEGER NOT NULL, 
    patience REAL NOT NULL, 
    document TEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_knowledge_plan_code_revision UNIQUE (tenant, code, revision, live)
)
 STRICT;
CREATE TABLE lead_magnet (
    tenant TEXT NOT NULL, 
    id BLOB NOT NULL, 
    version INTEGER NOT NULL, 
    live INTEGER, 
    added_at TEXT NOT NULL, 
    added_by TEXT, 
    added_because TEXT, 
    code TEXT NOT NULL, 
    title TEXT NOT NULL, 
    asset TEXT NOT NULL, 
    form TEXT NOT NULL, 
    document TEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_lead_magnet_code UNIQUE (tenant, code, live)
)
 STRICT;
CREATE TABLE newsletter (
    tenant TEXT NOT NULL, 
    id BLOB NOT NULL, 
    version INTEGER NOT NULL, 
    live INTEGER, 
    added_at TEXT NOT NULL, 
    added_by TEXT, 
    added_because TEXT, 
    code TEXT NOT NULL, 
    title TEXT NOT NULL, 
    purpose TEXT NOT NULL, 
    channel TEXT NOT NULL, 
    editorial INTEGER NOT NULL, 
    products INTEGER NOT NULL, 
    least_match REAL NOT NULL, 
    document TEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_newsletter_code UNIQUE (tenant, code, live)
)
 STRICT;
CREATE TABLE nurture_sequence (
    tenant TEXT NOT NULL, 
    id BLOB NOT NULL, 
    version INTEGER NOT NULL, 
    live INTEGER, 
    added_at TEXT NOT NULL, 
    added_by TEXT, 
    added_because TEXT, 
    code TEXT NOT NULL, 
    revision INTEGER NOT NULL, 
    source TEXT, 
    purpose TEXT NOT NULL, 
    channel TEXT NOT NULL, 
    document TEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_nurture_sequence_code_revision UNIQUE (tenant, code, revision, live)
)
 STRICT;
CREATE TABLE offer (
    tenant TEXT NOT NULL, 
    id BLOB NOT NULL, 
    version INTEGER NOT NULL, 
    live INTEGER, 
    added_at TEXT NOT NULL, 
    added_by TEXT, 
    added_because TEXT, 
    code TEXT NOT NULL, 
    name TEXT NOT NULL, 
    kind TEXT NOT NULL, 
    percent INTEGER, 
    purpose TEXT NOT NULL, 
    priority INTEGER NOT NULL, 
    fallback INTEGER NOT NULL, 
    stock INTEGER, 
    max_per_customer INTEGER, 
    never_bought INTEGER NOT NULL, 
    suppress_buyers INTEGER NOT NULL, 
    stackable INTEGER NOT NULL, 
    document TEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_offer_code UNIQUE (tenant, code, live)
)
 STRICT;
CREATE INDEX ix_offer_priority ON offer (tenant, priority, id);
CREATE TABLE pipeline (
    tenant TEXT NOT NULL, 
    id BLOB NOT NULL, 
    version INTEGER NOT NULL, 
    live INTEGER, 
    added_at TEXT NOT NULL, 
    added_by TEXT, 
    added_because TEXT, 
    code TEXT NOT NULL, 
    revision INTEGER NOT NULL, 
    document TEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_pipeline_code_revision UNIQUE (tenant, code, revision, live)
)
 STRICT;
CREATE TABLE play (
    tenant TEXT NOT NULL, 
    id BLOB NOT NULL, 
    version INTEGER NOT NULL, 
    live INTEGER, 
    added_at TEXT NOT NULL, 
    added_by TEXT, 
    added_because TEXT, 
    code TEXT NOT NULL, 
    revision INTEGER NOT NULL, 
    stage TEXT NOT NULL, 
    "trigger" TEXT NOT NULL, 
    action TEXT NOT NULL, 
    text TEXT NOT NULL, 
    kind TEXT NOT NULL, 
    purpose TEXT NOT NULL, 
    channel TEXT NOT NULL, 
    document TEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_play_code_revision UNIQUE (tenant, code, revision, live)
)
 STRICT;
CREATE TABLE product (
    tenant TEXT NOT NULL, 
    id BLOB NOT NULL, 
    version INTEGER NOT NULL, 
    live INTEGER, 
    added_at TEXT NOT NULL, 
    added_by TEXT, 
    added_because TEXT, 
    sku TEXT NOT NULL, 
    name TEXT NOT NULL, 
    document TEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_product_sku UNIQUE (tenant, sku, live)
)
 STRICT;
CREATE TABLE profiling_policy (
    tenant TEXT NOT NULL, 
    id BLOB NOT NULL, 
    version INTEGER NOT NULL, 
    live INTEGER, 
    added_at TEXT NOT NULL, 
    added_by TEXT, 
    added_because TEXT, 
    purpose TEXT NOT NULL, 
    basis TEXT NOT NULL, 
    double_opt_in INTEGER NOT NULL, 
    document TEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_profiling_policy_purpose UNIQUE (tenant, purpose, live)
)
 STRICT;
CREATE TABLE program_budget (
    tenant TEXT NOT NULL, 
    id BLOB NOT NULL, 
    version INTEGER NOT NULL, 
    live INTEGER, 
    added_at TEXT NOT NULL, 
    added_by TEXT, 
    added_because TEXT, 
    program TEXT NOT NULL, 
    max_points INTEGER NOT NULL, 
    given INTEGER NOT NULL, 
    closed_at TEXT, 
    document TEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_program_budget_program UNIQUE (tenant, program, live)
)
 STRICT;
CREATE TABLE pycrm_audit (
    tenant TEXT NOT NULL, 
    model TEXT NOT NULL, 
    id BLOB NOT NULL, 
    version INTEGER NOT NULL, 
    action TEXT NOT NULL, 
    at TEXT NOT NULL, 
    actor TEXT, 
    cause TEXT, 
    fields TEXT, 
    PRIMARY KEY (tenant, model, id, version)
)
 WITHOUT ROWID,
 STRICT;
CREATE TABLE pycrm_lease (
    tenant TEXT NOT NULL, 
    name TEXT NOT NULL, 
    holder TEXT NOT NULL, 
    until TEXT NOT NULL, 
    PRIMARY KEY (tenant, name)
)
 WITHOUT ROWID,
 STRICT;
CREATE TABLE pycrm_outbox (
    tenant TEXT NOT NULL, 
    id BLOB NOT NULL, 
    at TEXT NOT NULL, 
    position INTEGER NOT NULL, 
    type TEXT NOT NULL, 
    payload TEXT NOT NULL, 
    PRIMARY KEY (tenant, id)
)
 WITHOUT ROWID,
 STRICT;
CREATE INDEX ix_pycrm_outbox_order ON pycrm_outbox (tenant, at, position, id);
CREATE TABLE pycrm_result (
    tenant TEXT NOT NULL, 
    "key" TEXT NOT NULL, 
    at TEXT NOT NULL, 
    result TEXT NOT NULL, 
    PRIMARY KEY (tenant, "key")
)
 WITHOUT ROWID,
 STRICT;
CREATE TABLE pycrm_search (
    tenant TEXT NOT NULL, 
    model TEXT NOT NULL, 
    path TEXT NOT NULL, 
    value TEXT NOT NULL, 
    id BLOB NOT NULL, 
    PRIMARY KEY (tenant, model, path, value, id)
)
 WITHOUT ROWID,
 STRICT;
CREATE TABLE pycrm_unique (
    tenant TEXT NOT NULL, 
    model TEXT NOT NULL, 
    rule TEXT NOT NULL, 
    value TEXT NOT NULL, 
    id BLOB NOT NULL, 
    PRIMARY KEY (tenant, model, rule, value)
)
 WITHOUT ROWID,
 STRICT;
CREATE TABLE referral_program (
    tenant TEXT NOT NULL, 
    id BLOB NOT NULL, 
    version INTEGER NOT NULL, 
    live INTEGER, 
    added_at TEXT NOT NULL, 
    added_by TEXT, 
    added_because TEXT, 
    code TEXT NOT NULL, 
    program TEXT NOT NULL, 
    advocate_points INTEGER NOT NULL, 
    friend_points INTEGER NOT NULL, 
    "limit" INTEGER, 
    program_limit INTEGER, 
    velocity INTEGER NOT NULL, 
    household TEXT NOT NULL, 
    document TEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_referral_program_code UNIQUE (tenant, code, live)
)
 STRICT;
CREATE TABLE response_book (
    tenant TEXT NOT NULL, 
    id BLOB NOT NULL, 
    version INTEGER NOT NULL, 
    live INTEGER, 
    added_at TEXT NOT NULL, 
    added_by TEXT, 
    added_because TEXT, 
    code TEXT NOT NULL, 
    longest INTEGER NOT NULL, 
    away TEXT, 
    document TEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_response_book_code UNIQUE (tenant, code, live)
)
 STRICT;
CREATE TABLE reward (
    tenant TEXT NOT NULL, 
    id BLOB NOT NULL, 
    version INTEGER NOT NULL, 
    live INTEGER, 
    added_at TEXT NOT NULL, 
    added_by TEXT, 
    added_because TEXT, 
    code TEXT NOT NULL, 
    program TEXT NOT NULL, 
    name TEXT NOT NULL, 
    kind TEXT NOT NULL, 
    cost INTEGER NOT NULL, 
    sku TEXT, 
    percent INTEGER, 
    stock INTEGER, 
    document TEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_reward_program_code UNIQUE (tenant, program, code, live)
)
 STRICT;
CREATE TABLE segment (
    tenant TEXT NOT NULL, 
    id BLOB NOT NULL, 
    version INTEGER NOT NULL, 
    live INTEGER, 
    added_at TEXT NOT NULL, 
    added_by TEXT, 
    added_because TEXT, 
    name TEXT NOT NULL, 
    description TEXT, 
    document TEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_segment_name UNIQUE (tenant, name, live)
)
 STRICT;
CREATE TABLE snapshot (
    tenant TEXT NOT NULL, 
    id BLOB NOT NULL, 
    version INTEGER NOT NULL, 
    live INTEGER, 
    added_at TEXT NOT NULL, 
    added_by TEXT, 
    added_because TEXT, 
    run TEXT NOT NULL, 
    as_of TEXT NOT NULL, 
    since TEXT NOT NULL, 
    until TEXT NOT NULL, 
    currency TEXT NOT NULL, 
    customers INTEGER NOT NULL, 
    orders INTEGER NOT NULL, 
    refunds INTEGER NOT NULL, 
    expenses INTEGER NOT NULL, 
    facts INTEGER NOT NULL, 
    interactions INTEGER NOT NULL, 
    policy TEXT, 
    scoring TEXT, 
    document TEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_snapshot_run_as_of UNIQUE (tenant, run, as_of, live)
)
 STRICT;
CREATE INDEX ix_snapshot_as_of ON snapshot (tenant, as_of, id);
CREATE TABLE source_record (
    tenant TEXT NOT NULL, 
    id BLOB NOT NULL, 
    version INTEGER NOT NULL, 
    live INTEGER, 
    added_at TEXT NOT NULL, 
    added_by TEXT, 
    added_because TEXT, 
    source TEXT NOT NULL, 
    "key" TEXT NOT NULL, 
    received_at TEXT NOT NULL, 
    document TEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_source_record_source_key UNIQUE (tenant, source, "key", live)
)
 STRICT;
CREATE INDEX ix_source_record_received_at ON source_record (tenant, received_at, id);
CREATE TABLE strategy (
    tenant TEXT NOT NULL, 
    id BLOB NOT NULL, 
    version INTEGER NOT NULL, 
    live INTEGER, 
    added_at TEXT NOT NULL, 
    added_by TEXT, 
    added_because TEXT, 
    code TEXT NOT NULL, 
    revision INTEGER NOT NULL, 
    segment TEXT, 
    aim TEXT NOT NULL, 
    priority INTEGER NOT NULL, 
    document TEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_strategy_code_revision UNIQUE (tenant, code, revision, live)
)
 STRICT;
CREATE INDEX ix_strategy_segment ON strategy (tenant, segment, id) WHERE segment IS NOT NULL;
CREATE TABLE subject_request (
    tenant TEXT NOT NULL, 
    id BLOB NOT NULL, 
    version INTEGER NOT NULL, 
    live INTEGER, 
    added_at TEXT NOT NULL, 
    added_by TEXT, 
    added_because TEXT, 
    kind TEXT NOT NULL, 
    customer_id BLOB NOT NULL, 
    received_at TEXT NOT NULL, 
    done_at TEXT NOT NULL, 
    reason TEXT NOT NULL, 
    document TEXT, 
    PRIMARY KEY (tenant, id)
)
 STRICT;
CREATE INDEX ix_subject_request_customer_id ON subject_request (tenant, customer_id, id);
CREATE INDEX ix_subject_request_kind_done_at ON subject_request (tenant, kind, done_at, id);
CREATE TABLE template (
    tenant TEXT NOT NULL, 
    id BLOB NOT NULL, 
    version INTEGER NOT NULL, 
    live INTEGER, 
    added_at TEXT NOT NULL, 
    added_by TEXT, 
    added_because TEXT, 
    code TEXT NOT NULL, 
    revision INTEGER NOT NULL, 
    language TEXT, 
    document TEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_template_code_revision_language UNIQUE (tenant, code, revision, language, live)
)
 STRICT;
CREATE TABLE treatment_plan (
    tenant TEXT NOT NULL, 
    id BLOB NOT NULL, 
    version INTEGER NOT NULL, 
    live INTEGER, 
    added_at TEXT NOT NULL, 
    added_by TEXT, 
    added_because TEXT, 
    edition TEXT NOT NULL, 
    valid_from TEXT, 
    document TEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_treatment_plan_edition UNIQUE (tenant, edition, live)
)
 STRICT;
CREATE TABLE assessment (
    tenant TEXT NOT NULL, 
    id BLOB NOT NULL, 
    version INTEGER NOT NULL, 
    live INTEGER, 
    added_at TEXT NOT NULL, 
    added_by TEXT, 
    added_because TEXT, 
    customer_id BLOB NOT NULL, 
    run TEXT NOT NULL, 
    as_of TEXT NOT NULL, 
    since TEXT NOT NULL, 
    orders INTEGER NOT NULL, 
    probability_alive REAL, 
    recency_score INTEGER, 
    frequency_score INTEGER, 
    monetary_score INTEGER, 
    segment TEXT, 
    tier TEXT NOT NULL, 
    needs TEXT, 
    fit_score INTEGER, 
    engagement_score INTEGER, 
    grade TEXT, 
    policy TEXT, 
    refunds INTEGER NOT NULL, 
    expenses INTEGER NOT NULL, 
    facts INTEGER NOT NULL, 
    interactions INTEGER NOT NULL, 
    document TEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_assessment_customer_id_run_as_of UNIQUE (tenant, customer_id, run, as_of, live), 
    CONSTRAINT fk_assessment_customer_id FOREIGN KEY(tenant, customer_id) REFERENCES customer (tenant, id)
)
 STRICT;
CREATE INDEX ix_assessment_customer_id ON assessment (tenant, customer_id, id);
CREATE INDEX ix_assessment_run_as_of ON assessment (tenant, run, as_of, id);
CREATE INDEX ix_assessment_tier ON assessment (tenant, tier, id);
CREATE TABLE assignment (
    tenant TEXT NOT NULL, 
    id BLOB NOT NULL, 
    version INTEGER NOT NULL, 
    live INTEGER, 
    added_at TEXT NOT NULL, 
    added_by TEXT, 
    added_because TEXT, 
    experiment_id BLOB NOT NULL, 
    customer_id BLOB NOT NULL, 
    arm TEXT NOT NULL, 
    assigned_at TEXT NOT NULL, 
    stratum TEXT, 
    document TEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_assignment_experiment_id_customer_id UNIQUE (tenant, experiment_id, customer_id, live), 
    CONSTRAINT fk_assignment_experiment_id FOREIGN KEY(tenant, experiment_id) REFERENCES experiment (tenant, id), 
    CONSTRAINT fk_assignment_customer_id FOREIGN KEY(tenant, customer_id) REFERENCES customer (tenant, id)
)
 STRICT;
CREATE INDEX ix_assignment_customer_id ON assignment (tenant, customer_id, id);
CREATE INDEX ix_assignment_experiment_id_assigned_at ON assignment (tenant, experiment_id, assigned_at, id);
CREATE TABLE campaign_member (
    tenant TEXT NOT NULL, 
    id BLOB NOT NULL, 
    version INTEGER NOT NULL, 
    live INTEGER, 
    added_at TEXT NOT NULL, 
    added_by TEXT, 
    added_because TEXT, 
    campaign_id BLOB NOT NULL, 
    customer_id BLOB NOT NULL, 
    listed_at TEXT NOT NULL, 
    document TEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_campaign_member_campaign_id_customer_id UNIQUE (tenant, campaign_id, customer_id, live), 
    CONSTRAINT fk_campaign_member_campaign_id FOREIGN KEY(tenant, campaign_id) REFERENCES campaign (tenant, id), 
    CONSTRAINT fk_campaign_member_customer_id FOREIGN KEY(tenant, customer_id) REFERENCES customer (tenant, id)
)
 STRICT;
CREATE INDEX ix_campaign_member_campaign_id ON campaign_member (tenant, campaign_id, id);
CREATE INDEX ix_campaign_member_customer_id ON campaign_member (tenant, customer_id, id);
CREATE TABLE chat_session (
    tenant TEXT NOT NULL, 
    id BLOB NOT NULL, 
    version INTEGER NOT NULL, 
    live INTEGER, 
    added_at TEXT NOT NULL, 
    added_by TEXT, 
    added_because TEXT, 
    customer_id BLOB, 
    anonymous_id TEXT, 
    opened_at TEXT NOT NULL, 
    closed_at TEXT, 
    outcome TEXT, 
    document TEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT fk_chat_session_customer_id FOREIGN KEY(tenant, customer_id) REFERENCES customer (tenant, id)
)
 STRICT;
CREATE INDEX ix_chat_session_anonymous_id ON chat_session (tenant, anonymous_id, id) WHERE anonymous_id IS NOT NULL;
CREATE INDEX ix_chat_session_customer_id ON chat_session (tenant, customer_id, id) WHERE customer_id IS NOT NULL;
CREATE TABLE consent_entry (
    tenant TEXT NOT NULL, 
    id BLOB NOT NULL, 
    version INTEGER NOT NULL, 
    live INTEGER, 
    added_at TEXT NOT NULL, 
    added_by TEXT, 
    added_because TEXT, 
    customer_id BLOB NOT NULL, 
    purpose TEXT NOT NULL, 
    channel TEXT, 
    status TEXT NOT NULL, 
    legal_basis TEXT NOT NULL, 
    captured_at TEXT NOT NULL, 
    capture_source TEXT NOT NULL, 
    text_version TEXT, 
    double_opt_in_at TEXT, 
    brand TEXT, 
    evidence TEXT, 
    document TEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT fk_consent_entry_customer_id FOREIGN KEY(tenant, customer_id) REFERENCES customer (tenant, id)
)
 STRICT;
CREATE INDEX ix_consent_entry_customer_id_captured_at ON consent_entry (tenant, customer_id, captured_at, id);
CREATE TABLE contact_intent (
    tenant TEXT NOT NULL, 
    id BLOB NOT NULL, 
    version INTEGER NOT NULL, 
    live INTEGER, 
    added_at TEXT NOT NULL, 
    added_by TEXT, 
    added_because TEXT, 
    customer_id BLOB NOT NULL, 
    run TEXT NOT NULL, 
    as_of TEXT NOT NULL, 
    created_at TEXT NOT NULL, 
    kind TEXT NOT NULL, 
    topic TEXT NOT NULL, 
    text TEXT NOT NULL, 
    channel TEXT NOT NULL, 
    address TEXT, 
    purpose TEXT NOT NULL, 
    send_at TEXT NOT NULL, 
    "plan" TEXT, 
    campaign_id BLOB, 
    document TEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT fk_contact_intent_customer_id FOREIGN KEY(tenant, customer_id) REFERENCES customer (tenant, id)
)
 STRICT;
CREATE INDEX ix_contact_intent_customer_id_created_at ON contact_intent (tenant, customer_id, created_at, id);
CREATE INDEX ix_contact_intent_run_as_of ON contact_intent (tenant, run, as_of, id);
CREATE TABLE contact_policy (
    tenant TEXT NOT NULL, 
    id BLOB NOT NULL, 
    version INTEGER NOT NULL, 
    live INTEGER, 
    added_at TEXT NOT NULL, 
    added_by TEXT, 
    added_because TEXT, 
    customer_id BLOB, 
    purpose TEXT, 
    zone TEXT NOT NULL, 
    preferred TEXT, 
    only_preferred INTEGER NOT NULL, 
    document TEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT fk_contact_policy_customer_id FOREIGN KEY(tenant, customer_id) REFERENCES customer (tenant, id)
)
 STRICT;
CREATE INDEX ix_contact_policy_customer_id ON contact_policy (tenant, customer_id, id) WHERE customer_id IS NOT NULL;
CREATE TABLE contribution (
    tenant TEXT NOT NULL, 
    id BLOB NOT NULL, 
    version INTEGER NOT NULL, 
    live INTEGER, 
    added_at TEXT NOT NULL, 
    added_by TEXT, 
    added_because TEXT, 
    author_id BLOB NOT NULL, 
    kind TEXT NOT NULL, 
    "key" TEXT NOT NULL, 
    made_at TEXT NOT NULL, 
    link TEXT, 
    text_ref TEXT, 
    disclosed INTEGER NOT NULL, 
    document TEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_contribution_key UNIQUE (tenant, "key", live), 
    CONSTRAINT fk_contribution_author_id FOREIGN KEY(tenant, author_id) REFERENCES customer (tenant, id)
)
 STRICT;
CREATE INDEX ix_contribution_author_id_made_at ON contribution (tenant, author_id, made_at, id);
CREATE TABLE customer_fact (
    tenant TEXT NOT NULL, 
    id BLOB NOT NULL, 
    version INTEGER NOT NULL, 
    live INTEGER, 
    added_at TEXT NOT NULL, 
    added_by TEXT, 
    added_because TEXT, 
    customer_id BLOB NOT NULL, 
    value TEXT, 
    strength REAL NOT NULL, 
    origin TEXT NOT NULL, 
    confidence REAL NOT NULL, 
    recorded_at TEXT NOT NULL, 
    document TEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT fk_customer_fact_customer_id FOREIGN KEY(tenant, customer_id) REFERENCES customer (tenant, id)
)
 STRICT;
CREATE INDEX ix_customer_fact_customer_id_recorded_at ON customer_fact (tenant, customer_id, recorded_at, id);
CREATE TABLE expense (
    tenant TEXT NOT NULL, 
    id BLOB NOT NULL, 
    version INTEGER NOT NULL, 
    live INTEGER, 
    added_at TEXT NOT NULL, 
    added_by TEXT, 
    added_because TEXT, 
    customer_id BLOB NOT NULL, 
    "key" TEXT NOT NULL, 
    at TEXT NOT NULL, 
    kind TEXT NOT NULL, 
    note TEXT, 
    document TEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_expense_key UNIQUE (tenant, "key", live), 
    CONSTRAINT fk_expense_customer_id FOREIGN KEY(tenant, customer_id) REFERENCES customer (tenant, id)
)
 STRICT;
CREATE INDEX ix_expense_at ON expense (tenant, at, id);
CREATE INDEX ix_expense_customer_id ON expense (tenant, customer_id, id);
CREATE TABLE exposure (
    tenant TEXT NOT NULL, 
    id BLOB NOT NULL, 
    version INTEGER NOT NULL, 
    live INTEGER, 
    added_at TEXT NOT NULL, 
    added_by TEXT, 
    added_because TEXT, 
    experiment_id BLOB NOT NULL, 
    customer_id BLOB NOT NULL, 
    arm TEXT NOT NULL, 
    exposed_at TEXT NOT NULL, 
    interaction_id BLOB, 
    document TEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT fk_exposure_experiment_id FOREIGN KEY(tenant, experiment_id) REFERENCES experiment (tenant, id), 
    CONSTRAINT fk_exposure_customer_id FOREIGN KEY(tenant, customer_id) REFERENCES customer (tenant, id)
)
 STRICT;
CREATE INDEX ix_exposure_customer_id ON exposure (tenant, customer_id, id);
CREATE INDEX ix_exposure_experiment_id_exposed_at ON exposure (tenant, experiment_id, exposed_at, id);
CREATE TABLE finding (
    tenant TEXT NOT NULL, 
    id BLOB NOT NULL, 
    version INTEGER NOT NULL, 
    live INTEGER, 
    added_at TEXT NOT NULL, 
    added_by TEXT, 
    added_because TEXT, 
    question TEXT NOT NULL, 
    experiment_id BLOB, 
    arm TEXT NOT NULL, 
    control TEXT NOT NULL, 
    tactic TEXT, 
    metric TEXT NOT NULL, 
    as_of TEXT NOT NULL, 
    found_at TEXT NOT NULL, 
    estimate REAL NOT NULL, 
    low REAL NOT NULL, 
    high REAL NOT NULL, 
    confidence REAL NOT NULL, 
    p_value REAL NOT NULL, 
    adjusted_p_value REAL NOT NULL, 
    treated INTEGER NOT NULL, 
    controls INTEGER NOT NULL, 
    contacts INTEGER NOT NULL, 
    treated_mean REAL NOT NULL, 
    control_mean REAL NOT NULL, 
    method TEXT NOT NULL, 
    document TEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT fk_finding_experiment_id FOREIGN KEY(tenant, experiment_id) REFERENCES experiment (tenant, id)
)
 STRICT;
CREATE INDEX ix_finding_experiment_id ON finding (tenant, experiment_id, id) WHERE experiment_id IS NOT NULL;
CREATE INDEX ix_finding_found_at ON finding (tenant, found_at, id);
CREATE INDEX ix_finding_question_as_of ON finding (tenant, question, as_of, id);
CREATE TABLE identity_link (
    tenant TEXT NOT NULL, 
    id BLOB NOT NULL, 
    version INTEGER NOT NULL, 
    live INTEGER, 
    added_at TEXT NOT NULL, 
    added_by TEXT, 
    added_because TEXT, 
    record_id BLOB NOT NULL, 
    customer_id BLOB NOT NULL, 
    rule TEXT NOT NULL, 
    probability REAL NOT NULL, 
    decided_at TEXT NOT NULL, 
    reason TEXT NOT NULL, 
    former_id BLOB, 
    mate_id BLOB, 
    document TEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT fk_identity_link_record_id FOREIGN KEY(tenant, record_id) REFERENCES source_record (tenant, id), 
    CONSTRAINT fk_identity_link_customer_id FOREIGN KEY(tenant, customer_id) REFERENCES customer (tenant, id)
)
 STRICT;
CREATE INDEX ix_identity_link_customer_id ON identity_link (tenant, customer_id, id);
CREATE INDEX ix_identity_link_former_id ON identity_link (tenant, former_id, id) WHERE former_id IS NOT NULL;
CREATE INDEX ix_identity_link_record_id_decided_at ON identity_link (tenant, record_id, decided_at, id);
CREATE TABLE interaction (
    tenant TEXT NOT NULL, 
    id BLOB NOT NULL, 
    version INTEGER NOT NULL, 
    live INTEGER, 
    added_at TEXT NOT NULL, 
    added_by TEXT, 
    added_because TEXT, 
    customer_id BLOB, 
    anonymous_id TEXT, 
    kind TEXT NOT NULL, 
    direction TEXT NOT NULL, 
    channel TEXT NOT NULL, 
    mode TEXT NOT NULL, 
    assisted INTEGER NOT NULL, 
    occurred_at TEXT NOT NULL, 
    recorded_at TEXT NOT NULL, 
    subject TEXT, 
    summary TEXT, 
    outcome TEXT, 
    sentiment REAL, 
    conversation_id BLOB, 
    case_id BLOB, 
    opportunity_id BLOB, 
    campaign_id BLOB, 
    order_id BLOB, 
    idempotency_key TEXT NOT NULL, 
    document TEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_interaction_idempotency_key UNIQUE (tenant, idempotency_key, live), 
    CONSTRAINT fk_interaction_customer_id FOREIGN KEY(tenant, customer_id) REFERENCES customer (tenant, id)
)
 STRICT;
CREATE INDEX ix_interaction_anonymous_id ON interaction (tenant, anonymous_id, id) WHERE anonymous_id IS NOT NULL;
CREATE INDEX ix_interaction_customer_id_occurred_at ON interaction (tenant, customer_id, occurred_at, id) WHERE customer_id IS NOT NULL;
CREATE INDEX ix_interaction_occurred_at ON interaction (tenant, occurred_at, id);
CREATE TABLE lead (
    tenant TEXT NOT NULL, 
    id BLOB NOT NULL, 
    version INTEGER NOT NULL, 
    live INTEGER, 
    added_at TEXT NOT NULL, 
    added_by TEXT, 
    added_because TEXT, 
    customer_id BLOB NOT NULL, 
    source TEXT NOT NULL, 
    created_at TEXT NOT NULL, 
    owner_id BLOB, 
    topic TEXT, 
    document TEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT fk_lead_customer_id FOREIGN KEY(tenant, customer_id) REFERENCES customer (tenant, id)
)
 STRICT;
CREATE INDEX ix_lead_created_at ON lead (tenant, created_at, id);
CREATE INDEX ix_lead_customer_id_created_at ON lead (tenant, customer_id, created_at, id);
CREATE TABLE magnet_claim (
    tenant TEXT NOT NULL, 
    id BLOB NOT NULL, 
    version INTEGER NOT NULL, 
    live INTEGER, 
    added_at TEXT NOT NULL, 
    added_by TEXT, 
    added_because TEXT, 
    magnet_id BLOB NOT NULL, 
    customer_id BLOB NOT NULL, 
    claimed_at TEXT NOT NULL, 
    document TEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_magnet_claim_magnet_id_customer_id UNIQUE (tenant, magnet_id, customer_id, live), 
    CONSTRAINT fk_magnet_claim_magnet_id FOREIGN KEY(tenant, magnet_id) REFERENCES lead_magnet (tenant, id), 
    CONSTRAINT fk_magnet_claim_customer_id FOREIGN KEY(tenant, customer_id) REFERENCES customer (tenant, id)
)
 STRICT;
CREATE INDEX ix_magnet_claim_customer_id ON magnet_claim (tenant, customer_id, id);
CREATE INDEX ix_magnet_claim_magnet_id ON magnet_claim (tenant, magnet_id, id);
CREATE TABLE match_decision (
    tenant TEXT NOT NULL, 
    id BLOB NOT NULL, 
    version INTEGER NOT NULL, 
    live INTEGER, 
    added_at TEXT NOT NULL, 
    added_by TEXT, 
    added_because TEXT, 
    left_id BLOB NOT NULL, 
    right_id BLOB NOT NULL, 
    same INTEGER NOT NULL, 
    decided_at TEXT NOT NULL, 
    decided_by TEXT, 
    reason TEXT NOT NULL, 
    revokes BLOB, 
    winner_id BLOB, 
    loser_id BLOB, 
    own_first_touch_at TEXT, 
    document TEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT fk_match_decision_left_id FOREIGN KEY(tenant, left_id) REFERENCES source_record (tenant, id), 
    CONSTRAINT fk_match_decision_right_id FOREIGN KEY(tenant, right_id) REFERENCES source_record (tenant, id)
)
 STRICT;
CREATE INDEX ix_match_decision_decided_at ON match_decision (tenant, decided_at, id);
CREATE INDEX ix_match_decision_left_id ON match_decision (tenant, left_id, id);
CREATE INDEX ix_match_decision_right_id ON match_decision (tenant, right_id, id);
CREATE TABLE match_question (
    tenant TEXT NOT NULL, 
    id BLOB NOT NULL, 
    version INTEGER NOT NULL, 
    live INTEGER, 
    added_at TEXT NOT NULL, 
    added_by TEXT, 
    added_because TEXT, 
    left_id BLOB NOT NULL, 
    right_id BLOB NOT NULL, 
    probability REAL NOT NULL, 
    weight REAL NOT NULL, 
    why TEXT NOT NULL, 
    asked_at TEXT NOT NULL, 
    document TEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT fk_match_question_left_id FOREIGN KEY(tenant, left_id) REFERENCES source_record (tenant, id), 
    CONSTRAINT fk_match_question_right_id FOREIGN KEY(tenant, right_id) REFERENCES source_record (tenant, id)
)
 STRICT;
CREATE INDEX ix_match_question_left_id ON match_question (tenant, left_id, id);
CREATE INDEX ix_match_question_probability ON match_question (tenant, probability, id);
CREATE INDEX ix_match_question_right_id ON match_question (tenant, right_id, id);
CREATE TABLE next_step (
    tenant TEXT NOT NULL, 
    id BLOB NOT NULL, 
    version INTEGER NOT NULL, 
    live INTEGER, 
    added_at TEXT NOT NULL, 
    added_by TEXT, 
    added_because TEXT, 
    customer_id BLOB NOT NULL, 
    owner TEXT, 
    made_at TEXT NOT NULL, 
    expires_at TEXT NOT NULL, 
    document TEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT fk_next_step_customer_id FOREIGN KEY(tenant, customer_id) REFERENCES customer (tenant, id)
)
 STRICT;
CREATE INDEX ix_next_step_customer_id_made_at ON next_step (tenant, customer_id, made_at, id);
CREATE INDEX ix_next_step_expires_at ON next_step (tenant, expires_at, id);
CREATE TABLE offer_decision (
    tenant TEXT NOT NULL, 
    id BLOB NOT NULL, 
    version INTEGER NOT NULL, 
    live INTEGER, 
    added_at TEXT NOT NULL, 
    added_by TEXT, 
    added_because TEXT, 
    customer_id BLOB NOT NULL, 
    run TEXT NOT NULL, 
    as_of TEXT NOT NULL, 
    decided_at TEXT NOT NULL, 
    offer_id BLOB, 
    sku TEXT, 
    channel TEXT, 
    fallback INTEGER NOT NULL, 
    policy TEXT, 
    arm TEXT, 
    context TEXT, 
    probability REAL, 
    since TEXT, 
    expires_at TEXT, 
    document TEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT fk_offer_decision_customer_id FOREIGN KEY(tenant, customer_id) REFERENCES customer (tenant, id)
)
 STRICT;
CREATE INDEX ix_offer_decision_customer_id_decided_at ON offer_decision (tenant, customer_id, decided_at, id);
CREATE INDEX ix_offer_decision_offer_id ON offer_decision (tenant, offer_id, id) WHERE offer_id IS NOT NULL;
CREATE INDEX ix_offer_decision_run_as_of ON offer_decision (tenant, run, as_of, id);
CREATE TABLE outcome (
    tenant TEXT NOT NULL, 
    id BLOB NOT NULL, 
    version INTEGER NOT NULL, 
    live INTEGER, 
    added_at TEXT NOT NULL, 
    added_by TEXT, 
    added_because TEXT, 
    customer_id BLOB NOT NULL, 
    metric TEXT NOT NULL, 
    value REAL NOT NULL, 
    at TEXT NOT NULL, 
    exposed_at TEXT, 
    evidence_id BLOB, 
    document TEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT fk_outcome_customer_id FOREIGN KEY(tenant, customer_id) REFERENCES customer (tenant, id)
)
 STRICT;
CREATE INDEX ix_outcome_customer_id_at ON outcome (tenant, customer_id, at, id);
CREATE INDEX ix_outcome_metric_at ON outcome (tenant, metric, at, id);
CREATE TABLE points_account (
    tenant TEXT NOT NULL, 
    id BLOB NOT NULL, 
    version INTEGER NOT NULL, 
    live INTEGER, 
    added_at TEXT NOT NULL, 
    added_by TEXT, 
    added_because TEXT, 
    member_id BLOB NOT NULL, 
    program TEXT NOT NULL, 
    zone TEXT NOT NULL, 
    debt INTEGER NOT NULL, 
    earned INTEGER NOT NULL, 
    spent INTEGER NOT NULL, 
    expired INTEGER NOT NULL, 
    reversed INTEGER NOT NULL, 
    adjusted INTEGER NOT NULL, 
    transferred INTEGER NOT NULL, 
    posted INTEGER NOT NULL, 
    last_at TEXT, 
    document TEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_points_account_member_id_program UNIQUE (tenant, member_id, program, live), 
    CONSTRAINT fk_points_account_member_id FOREIGN KEY(tenant, member_id) REFERENCES customer (tenant, id)
)
 STRICT;
CREATE INDEX ix_points_account_member_id ON points_account (tenant, member_id, id);
CREATE TABLE promise (
    tenant TEXT NOT NULL, 
    id BLOB NOT NULL, 
    version INTEGER NOT NULL, 
    live INTEGER, 
    added_at TEXT NOT NULL, 
    added_by TEXT, 
    added_because TEXT, 
    customer_id BLOB NOT NULL, 
    kind TEXT NOT NULL, 
    what TEXT NOT NULL, 
    made_at TEXT NOT NULL, 
    due TEXT NOT NULL, 
    kept_at TEXT, 
    released_at TEXT, 
    note TEXT, 
    "key" TEXT NOT NULL, 
    document TEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_promise_key UNIQUE (tenant, "key", live), 
    CONSTRAINT fk_promise_customer_id FOREIGN KEY(tenant, customer_id) REFERENCES customer (tenant, id)
)
 STRICT;
CREATE INDEX ix_promise_customer_id_due ON promise (tenant, customer_id, due, id);
CREATE INDEX ix_promise_due ON promise (tenant, due, id);
CREATE TABLE purchase (
    tenant TEXT NOT NULL, 
    id BLOB NOT NULL, 
    version INTEGER NOT NULL, 
    live INTEGER, 
    added_at TEXT NOT NULL, 
    added_by TEXT, 
    added_because TEXT, 
    customer_id BLOB NOT NULL, 
    number TEXT NOT NULL, 
    placed_at TEXT NOT NULL, 
    currency TEXT NOT NULL, 
    status TEXT NOT NULL, 
    channel TEXT, 
    promised_at TEXT, 
    delivered_at TEXT, 
    cart_id BLOB, 
    document TEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_purchase_number UNIQUE (tenant, number, live), 
    CONSTRAINT fk_purchase_customer_id FOREIGN KEY(tenant, customer_id) REFERENCES customer (tenant, id)
)
 STRICT;
CREATE INDEX ix_purchase_customer_id_placed_at ON purchase (tenant, customer_id, placed_at, id);
CREATE INDEX ix_purchase_placed_at ON purchase (tenant, placed_at, id);
CREATE INDEX ix_purchase_status_placed_at ON purchase (tenant, status, placed_at, id);
CREATE TABLE redemption (
    tenant TEXT NOT NULL, 
    id BLOB NOT NULL, 
    version INTEGER NOT NULL, 
    live INTEGER, 
    added_at TEXT NOT NULL, 
    added_by TEXT, 
    added_because TEXT, 
    member_id BLOB NOT NULL, 
    reward_id BLOB NOT NULL, 
    points INTEGER NOT NULL, 
    entry_key TEXT NOT NULL, 
    at TEXT NOT NULL, 
    status TEXT NOT NULL, 
    document TEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT fk_redemption_member_id FOREIGN KEY(tenant, member_id) REFERENCES customer (tenant, id), 
    CONSTRAINT fk_redemption_reward_id FOREIGN KEY(tenant, reward_id) REFERENCES reward (tenant, id)
)
 STRICT;
CREATE INDEX ix_redemption_member_id_at ON redemption (tenant, member_id, at, id);
CREATE INDEX ix_redemption_reward_id ON redemption (tenant, reward_id, id);
CREATE TABLE referral (
    tenant TEXT NOT NULL, 
    id BLOB NOT NULL, 
    version INTEGER NOT NULL, 
    live INTEGER, 
    added_at TEXT NOT NULL, 
    added_by TEXT, 
    added_because TEXT, 
    program_code TEXT NOT NULL, 
    code TEXT NOT NULL, 
    advocate_id BLOB NOT NULL, 
    friend_id BLOB, 
    status TEXT NOT NULL, 
    invited_at TEXT NOT NULL, 
    joined_at TEXT, 
    qualified_at TEXT, 
    closed_at TEXT, 
    reason TEXT, 
    note TEXT, 
    document TEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT fk_referral_advocate_id FOREIGN KEY(tenant, advocate_id) REFERENCES customer (tenant, id), 
    CONSTRAINT fk_referral_friend_id FOREIGN KEY(tenant, friend_id) REFERENCES customer (tenant, id)
)
 STRICT;
CREATE INDEX ix_referral_advocate_id ON referral (tenant, advocate_id, id);
CREATE INDEX ix_referral_friend_id ON referral (tenant, friend_id, id) WHERE friend_id IS NOT NULL;
CREATE INDEX ix_referral_program_code_advocate_id ON referral (tenant, program_code, advocate_id, id);
CREATE TABLE segment_membership (
    tenant TEXT NOT NULL, 
    id BLOB NOT NULL, 
    version INTEGER NOT NULL, 
    live INTEGER, 
    added_at TEXT NOT NULL, 
    added_by TEXT, 
    added_because TEXT, 
    segment TEXT NOT NULL, 
    customer_id BLOB NOT NULL, 
    period_start TEXT, 
    period_end TEXT, 
    document TEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT fk_segment_membership_customer_id FOREIGN KEY(tenant, customer_id) REFERENCES customer (tenant, id)
)
 STRICT;
CREATE INDEX ix_segment_membership_customer_id ON segment_membership (tenant, customer_id, id);
CREATE INDEX ix_segment_membership_period_end ON segment_membership (tenant, period_end, id) WHERE period_end IS NOT NULL;
CREATE INDEX ix_segment_membership_period_start ON segment_membership (tenant, period_start, id) WHERE period_start IS NOT NULL;
CREATE INDEX ix_segment_membership_segment ON segment_membership (tenant, segment, id);
CREATE TABLE stage_change (
    tenant TEXT NOT NULL, 
    id BLOB NOT NULL, 
    version INTEGER NOT NULL, 
    live INTEGER, 
    added_at TEXT NOT NULL, 
    added_by TEXT, 
    added_because TEXT, 
    customer_id BLOB NOT NULL, 
    from_stage TEXT, 
    to_stage TEXT NOT NULL, 
    occurred_at TEXT NOT NULL, 
    recorded_at TEXT NOT NULL, 
    reason TEXT NOT NULL, 
    policy_version TEXT NOT NULL, 
    forced INTEGER NOT NULL, 
    note TEXT, 
    document TEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT fk_stage_change_customer_id FOREIGN KEY(tenant, customer_id) REFERENCES customer (tenant, id)
)
 STRICT;
CREATE INDEX ix_stage_change_customer_id_occurred_at ON stage_change (tenant, customer_id, occurred_at, id);
CREATE TABLE suppression (
    tenant TEXT NOT NULL, 
    id BLOB NOT NULL, 
    version INTEGER NOT NULL, 
    live INTEGER, 
    added_at TEXT NOT NULL, 
    added_by TEXT, 
    added_because TEXT, 
    address TEXT, 
    customer_id BLOB, 
    channel TEXT, 
    reason TEXT NOT NULL, 
    since TEXT NOT NULL, 
    until TEXT, 
    document TEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT fk_suppression_customer_id FOREIGN KEY(tenant, customer_id) REFERENCES customer (tenant, id)
)
 STRICT;
CREATE INDEX ix_suppression_address ON suppression (tenant, address, id) WHERE address IS NOT NULL;
CREATE INDEX ix_suppression_customer_id ON suppression (tenant, customer_id, id) WHERE customer_id IS NOT NULL;
CREATE TABLE task (
    tenant TEXT NOT NULL, 
    id BLOB NOT NULL, 
    version INTEGER NOT NULL, 
    live INTEGER, 
    added_at TEXT NOT NULL, 
    added_by TEXT, 
    added_because TEXT, 
    title TEXT NOT NULL, 
    customer_id BLOB, 
    created_at TEXT NOT NULL, 
    due TEXT, 
    priority INTEGER NOT NULL, 
    status TEXT NOT NULL, 
    completed_at TEXT, 
    "key" TEXT NOT NULL, 
    document TEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_task_key UNIQUE (tenant, "key", live), 
    CONSTRAINT fk_task_customer_id FOREIGN KEY(tenant, customer_id) REFERENCES customer (tenant, id)
)
 STRICT;
CREATE INDEX ix_task_customer_id ON task (tenant, customer_id, id) WHERE customer_id IS NOT NULL;
CREATE INDEX ix_task_status_due ON task (tenant, status, due, id);
CREATE TABLE touchpoint (
    tenant TEXT NOT NULL, 
    id BLOB NOT NULL, 
    version INTEGER NOT NULL, 
    live INTEGER, 
    added_at TEXT NOT NULL, 
    added_by TEXT, 
    added_because TEXT, 
    customer_id BLOB, 
    anonymous_id TEXT, 
    at TEXT NOT NULL, 
    channel TEXT NOT NULL, 
    source TEXT NOT NULL, 
    medium TEXT, 
    campaign TEXT, 
    content TEXT, 
    term TEXT, 
    referrer TEXT, 
    "key" TEXT NOT NULL, 
    document TEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_touchpoint_key UNIQUE (tenant, "key", live), 
    CONSTRAINT fk_touchpoint_customer_id FOREIGN KEY(tenant, customer_id) REFERENCES customer (tenant, id)
)
 STRICT;
CREATE INDEX ix_touchpoint_anonymous_id ON touchpoint (tenant, anonymous_id, id) WHERE anonymous_id IS NOT NULL;
CREATE INDEX ix_touchpoint_customer_id_at ON touchpoint (tenant, customer_id, at, id) WHERE customer_id IS NOT NULL;
CREATE TABLE unallocated_refund (
    tenant TEXT NOT NULL, 
    id BLOB NOT NULL, 
    version INTEGER NOT NULL, 
    live INTEGER, 
    added_at TEXT NOT NULL, 
    added_by TEXT, 
    added_because TEXT, 
    customer_id BLOB NOT NULL, 
    "key" TEXT NOT NULL, 
    at TEXT NOT NULL, 
    sku TEXT, 
    reason TEXT, 
    document TEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_unallocated_refund_key UNIQUE (tenant, "key", live), 
    CONSTRAINT fk_unallocated_refund_customer_id FOREIGN KEY(tenant, customer_id) REFERENCES customer (tenant, id)
)
 STRICT;
CREATE INDEX ix_unallocated_refund_at ON unallocated_refund (tenant, at, id);
CREATE INDEX ix_unallocated_refund_customer_id ON unallocated_refund (tenant, customer_id, id);
CREATE TABLE withheld_answer (
    tenant TEXT NOT NULL, 
    id BLOB NOT NULL, 
    version INTEGER NOT NULL, 
    live INTEGER, 
    added_at TEXT NOT NULL, 
    added_by TEXT, 
    added_because TEXT, 
    customer_id BLOB NOT NULL, 
    about TEXT NOT NULL, 
    recorded_at TEXT NOT NULL, 
    document TEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT fk_withheld_answer_customer_id FOREIGN KEY(tenant, customer_id) REFERENCES customer (tenant, id)
)
 STRICT;
CREATE INDEX ix_withheld_answer_customer_id_recorded_at ON withheld_answer (tenant, customer_id, recorded_at, id);
CREATE TABLE action_plan (
    tenant TEXT NOT NULL, 
    id BLOB NOT NULL, 
    version INTEGER NOT NULL, 
    live INTEGER, 
    added_at TEXT NOT NULL, 
    added_by TEXT, 
    added_because TEXT, 
    code TEXT NOT NULL, 
    goal TEXT NOT NULL, 
    finding_id BLOB, 
    document TEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_action_plan_code UNIQUE (tenant, code, live), 
    CONSTRAINT fk_action_plan_finding_id FOREIGN KEY(tenant, finding_id) REFERENCES finding (tenant, id)
)
 STRICT;
CREATE INDEX ix_action_plan_finding_id ON action_plan (tenant, finding_id, id) WHERE finding_id IS NOT NULL;
CREATE TABLE decision (
    tenant TEXT NOT NULL, 
    id BLOB NOT NULL, 
    version INTEGER NOT NULL, 
    live INTEGER, 
    added_at TEXT NOT NULL, 
    added_by TEXT, 
    added_because TEXT, 
    finding_id BLOB NOT NULL, 
    recommended TEXT NOT NULL, 
    decided TEXT NOT NULL, 
    decided_at TEXT NOT NULL, 
    note TEXT, 
    next_experiment_id BLOB, 
    document TEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT fk_decision_finding_id FOREIGN KEY(tenant, finding_id) REFERENCES finding (tenant, id), 
    CONSTRAINT fk_decision_next_experiment_id FOREIGN KEY(tenant, next_experiment_id) REFERENCES experiment (tenant, id)
)
 STRICT;
CREATE INDEX ix_decision_decided_at ON decision (tenant, decided_at, id);
CREATE INDEX ix_decision_finding_id ON decision (tenant, finding_id, id);
CREATE INDEX ix_decision_next_experiment_id ON decision (tenant, next_experiment_id, id) WHERE next_experiment_id IS NOT NULL;
CREATE TABLE lead_change (
    tenant TEXT NOT NULL, 
    id BLOB NOT NULL, 
    version INTEGER NOT NULL, 
    live INTEGER, 
    added_at TEXT NOT NULL, 
    added_by TEXT, 
    added_because TEXT, 
    lead_id BLOB NOT NULL, 
    from_state TEXT NOT NULL, 
    to_state TEXT NOT NULL, 
    occurred_at TEXT NOT NULL, 
    reason TEXT NOT NULL, 
    rules_version TEXT, 
    document TEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT fk_lead_change_lead_id FOREIGN KEY(tenant, lead_id) REFERENCES lead (tenant, id)
)
 STRICT;
CREATE INDEX ix_lead_change_lead_id_occurred_at ON lead_change (tenant, lead_id, occurred_at, id);
CREATE TABLE moderation_entry (
    tenant TEXT NOT NULL, 
    id BLOB NOT NULL, 
    version INTEGER NOT NULL, 
    live INTEGER, 
    added_at TEXT NOT NULL, 
    added_by TEXT, 
    added_because TEXT, 
    contribution_id BLOB NOT NULL, 
    verdict TEXT NOT NULL, 
    moderator TEXT NOT NULL, 
    at TEXT NOT NULL, 
    reason TEXT, 
    document TEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT fk_moderation_entry_contribution_id FOREIGN KEY(tenant, contribution_id) REFERENCES contribution (tenant, id)
)
 STRICT;
CREATE INDEX ix_moderation_entry_contribution_id_at ON moderation_entry (tenant, contribution_id, at, id);
CREATE TABLE offer_outcome (
    tenant TEXT NOT NULL, 
    id BLOB NOT NULL, 
    version INTEGER NOT NULL, 
    live INTEGER, 
    added_at TEXT NOT NULL, 
    added_by TEXT, 
    added_because TEXT, 
    decision_id BLOB NOT NULL, 
    answer TEXT NOT NULL, 
    at TEXT NOT NULL, 
    order_id BLOB, 
    document TEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_offer_outcome_decision_id UNIQUE (tenant, decision_id, live), 
    CONSTRAINT fk_offer_outcome_decision_id FOREIGN KEY(tenant, decision_id) REFERENCES offer_decision (tenant, id), 
    CONSTRAINT fk_offer_outcome_order_id FOREIGN KEY(tenant, order_id) REFERENCES purchase (tenant, id)
)
 STRICT;
CREATE INDEX ix_offer_outcome_at ON offer_outcome (tenant, at, id);
CREATE INDEX ix_offer_outcome_decision_id ON offer_outcome (tenant, decision_id, id);
CREATE INDEX ix_offer_outcome_order_id ON offer_outcome (tenant, order_id, id) WHERE order_id IS NOT NULL;
CREATE TABLE offer_override (
    tenant TEXT NOT NULL, 
    id BLOB NOT NULL, 
    version INTEGER NOT NULL, 
    live INTEGER, 
    added_at TEXT NOT NULL, 
    added_by TEXT, 
    added_because TEXT, 
    decision_id BLOB NOT NULL, 
    offer_id BLOB, 
    at TEXT NOT NULL, 
    note TEXT NOT NULL, 
    document TEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT fk_offer_override_decision_id FOREIGN KEY(tenant, decision_id) REFERENCES offer_decision (tenant, id), 
    CONSTRAINT fk_offer_override_offer_id FOREIGN KEY(tenant, offer_id) REFERENCES offer (tenant, id)
)
 STRICT;
CREATE INDEX ix_offer_override_at ON offer_override (tenant, at, id);
CREATE INDEX ix_offer_override_decision_id ON offer_override (tenant, decision_id, id);
CREATE INDEX ix_offer_override_offer_id ON offer_override (tenant, offer_id, id) WHERE offer_id IS NOT NULL;
CREATE TABLE opportunity (
    tenant TEXT NOT NULL, 
    id BLOB NOT NULL, 
    version INTEGER NOT NULL, 
    live INTEGER, 
    added_at TEXT NOT NULL, 
    added_by TEXT, 
    added_because TEXT, 
    customer_id BLOB NOT NULL, 
    name TEXT NOT NULL, 
    pipeline_id BLOB NOT NULL, 
    opened_at TEXT NOT NULL, 
    owner_id BLOB, 
    source TEXT, 
    campaign_id BLOB, 
    lead_id BLOB, 
    first_touch_id BLOB, 
    last_touch_id BLOB, 
    "key" TEXT NOT NULL, 
    changes INTEGER NOT NULL, 
    document TEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_opportunity_key UNIQUE (tenant, "key", live), 
    CONSTRAINT fk_opportunity_customer_id FOREIGN KEY(tenant, customer_id) REFERENCES customer (tenant, id), 
    CONSTRAINT fk_opportunity_pipeline_id FOREIGN KEY(tenant, pipeline_id) REFERENCES pipeline (tenant, id), 
    CONSTRAINT fk_opportunity_campaign_id FOREIGN KEY(tenant, campaign_id) REFERENCES campaign (tenant, id), 
    CONSTRAINT fk_opportunity_lead_id FOREIGN KEY(tenant, lead_id) REFERENCES lead (tenant, id), 
    CONSTRAINT fk_opportunity_first_touch_id FOREIGN KEY(tenant, first_touch_id) REFERENCES touchpoint (tenant, id), 
    CONSTRAINT fk_opportunity_last_touch_id FOREIGN KEY(tenant, last_touch_id) REFERENCES touchpoint (tenant, id)
)
 STRICT;
CREATE INDEX ix_opportunity_campaign_id ON opportunity (tenant, campaign_id, id) WHERE campaign_id IS NOT NULL;
CREATE INDEX ix_opportunity_customer_id_opened_at ON opportunity (tenant, customer_id, opened_at, id);
CREATE INDEX ix_opportunity_first_touch_id ON opportunity (tenant, first_touch_id, id) WHERE first_touch_id IS NOT NULL;
CREATE INDEX ix_opportunity_last_touch_id ON opportunity (tenant, last_touch_id, id) WHERE last_touch_id IS NOT NULL;
CREATE INDEX ix_opportunity_lead_id ON opportunity (tenant, lead_id, id) WHERE lead_id IS NOT NULL;
CREATE INDEX ix_opportunity_opened_at ON opportunity (tenant, opened_at, id);
CREATE INDEX ix_opportunity_owner_id ON opportunity (tenant, owner_id, id) WHERE owner_id IS NOT NULL;
CREATE INDEX ix_opportunity_pipeline_id ON opportunity (tenant, pipeline_id, id);
CREATE TABLE points_entry (
    tenant TEXT NOT NULL, 
    id BLOB NOT NULL, 
    version INTEGER NOT NULL, 
    live INTEGER, 
    added_at TEXT NOT NULL, 
    added_by TEXT, 
    added_because TEXT, 
    account_id BLOB NOT NULL, 
    number INTEGER NOT NULL, 
    "key" TEXT NOT NULL, 
    request TEXT NOT NULL, 
    kind TEXT NOT NULL, 
    at TEXT NOT NULL, 
    rule TEXT, 
    of_entry BLOB, 
    hold TEXT, 
    reason TEXT, 
    document TEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_points_entry_account_id_key UNIQUE (tenant, account_id, "key", live), 
    CONSTRAINT fk_points_entry_account_id FOREIGN KEY(tenant, account_id) REFERENCES points_account (tenant, id)
)
 STRICT;
CREATE INDEX ix_points_entry_account_id_number ON points_entry (tenant, account_id, number, id);
CREATE TABLE stage_retraction (
    tenant TEXT NOT NULL, 
    id BLOB NOT NULL, 
    version INTEGER NOT NULL, 
    live INTEGER, 
    added_at TEXT NOT NULL, 
    added_by TEXT, 
    added_because TEXT, 
    customer_id BLOB NOT NULL, 
    change_id BLOB NOT NULL, 
    recorded_at TEXT NOT NULL, 
    policy_version TEXT NOT NULL, 
    document TEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT fk_stage_retraction_customer_id FOREIGN KEY(tenant, customer_id) REFERENCES customer (tenant, id), 
    CONSTRAINT fk_stage_retraction_change_id FOREIGN KEY(tenant, change_id) REFERENCES stage_change (tenant, id)
)
 STRICT;
CREATE INDEX ix_stage_retraction_change_id ON stage_retraction (tenant, change_id, id);
CREATE INDEX ix_stage_retraction_customer_id ON stage_retraction (tenant, customer_id, id);
CREATE TABLE vote (
    tenant TEXT NOT NULL, 
    id BLOB NOT NULL, 
    version INTEGER NOT NULL, 
    live INTEGER, 
    added_at TEXT NOT NULL, 
    added_by TEXT, 
    added_because TEXT, 
    contribution_id BLOB NOT NULL, 
    voter_id BLOB NOT NULL, 
    kind TEXT NOT NULL, 
    at TEXT NOT NULL, 
    document TEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT fk_vote_contribution_id FOREIGN KEY(tenant, contribution_id) REFERENCES contribution (tenant, id), 
    CONSTRAINT fk_vote_voter_id FOREIGN KEY(tenant, voter_id) REFERENCES customer (tenant, id)
)
 STRICT;
CREATE INDEX ix_vote_contribution_id_at ON vote (tenant, contribution_id, at, id);
CREATE INDEX ix_vote_voter_id ON vote (tenant, voter_id, id);
CREATE TABLE vote_review (
    tenant TEXT NOT NULL, 
    id BLOB NOT NULL, 
    version INTEGER NOT NULL, 
    live INTEGER, 
    added_at TEXT NOT NULL, 
    added_by TEXT, 
    added_because TEXT, 
    contribution_id BLOB NOT NULL, 
    voter_id BLOB NOT NULL, 
    state TEXT NOT NULL, 
    at TEXT NOT NULL, 
    actor TEXT, 
    document TEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT fk_vote_review_contribution_id FOREIGN KEY(tenant, contribution_id) REFERENCES contribution (tenant, id), 
    CONSTRAINT fk_vote_review_voter_id FOREIGN KEY(tenant, voter_id) REFERENCES customer (tenant, id)
)
 STRICT;
CREATE INDEX ix_vote_review_contribution_id_at ON vote_review (tenant, contribution_id, at, id);
CREATE INDEX ix_vote_review_voter_id ON vote_review (tenant, voter_id, id);
CREATE TABLE conversion (
    tenant TEXT NOT NULL, 
    id BLOB NOT NULL, 
    version INTEGER NOT NULL, 
    live INTEGER, 
    added_at TEXT NOT NULL, 
    added_by TEXT, 
    added_because TEXT, 
    lead_id BLOB NOT NULL, 
    customer_id BLOB NOT NULL, 
    opportunity_id BLOB, 
    order_id BLOB, 
    at TEXT NOT NULL, 
    document TEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT fk_conversion_lead_id FOREIGN KEY(tenant, lead_id) REFERENCES lead (tenant, id), 
    CONSTRAINT fk_conversion_customer_id FOREIGN KEY(tenant, customer_id) REFERENCES customer (tenant, id), 
    CONSTRAINT fk_conversion_order_id FOREIGN KEY(tenant, order_id) REFERENCES purchase (tenant, id), 
    CONSTRAINT fk_conversion_opportunity_id FOREIGN KEY(tenant, opportunity_id) REFERENCES opportunity (tenant, id)
)
 STRICT;
CREATE INDEX ix_conversion_at ON conversion (tenant, at, id);
CREATE INDEX ix_conversion_customer_id ON conversion (tenant, customer_id, id);
CREATE INDEX ix_conversion_lead_id ON conversion (tenant, lead_id, id);
CREATE INDEX ix_conversion_opportunity_id ON conversion (tenant, opportunity_id, id) WHERE opportunity_id IS NOT NULL;
CREATE INDEX ix_conversion_order_id ON conversion (tenant, order_id, id) WHERE order_id IS NOT NULL;
CREATE TABLE opportunity_change (
    tenant TEXT NOT NULL, 
    id BLOB NOT NULL, 
    version INTEGER NOT NULL, 
    live INTEGER, 
    added_at TEXT NOT NULL, 
    added_by TEXT, 
    added_because TEXT, 
    opportunity_id BLOB NOT NULL, 
    number INTEGER NOT NULL, 
    pipeline_id BLOB NOT NULL, 
    former_pipeline_id BLOB, 
    from_stage TEXT, 
    to_stage TEXT NOT NULL, 
    kind TEXT NOT NULL, 
    occurred_at TEXT NOT NULL, 
    recorded_at TEXT NOT NULL, 
    reason TEXT NOT NULL, 
    forced INTEGER NOT NULL, 
    note TEXT, 
    "key" TEXT NOT NULL, 
    document TEXT, 
    PRIMARY KEY (tenant, id), 
    CONSTRAINT uq_opportunity_change_opportunity_id_number UNIQUE (tenant, opportunity_id, number, live), 
    CONSTRAINT uq_opportunity_change_opportunity_id_key UNIQUE (tenant, opportunity_id, "key", live), 
    CONSTRAINT fk_opportunity_change_opportunity_id FOREIGN KEY(tenant, opportunity_id) REFERENCES opportunity (tenant, id), 
    CONSTRAINT fk_opportunity_change_pipeline_id FOREIGN KEY(tenant, pipeline_id) REFERENCES pipeline (tenant, id), 
    CONSTRAINT fk_opportunity_change_former_pipeline_id FOREIGN KEY(tenant, former_pipeline_id) REFERENCES pipeline (tenant, id)
)
 STRICT;
CREATE INDEX ix_opportunity_change_former_pipeline_id ON opportunity_change (tenant, former_pipeline_id, id) WHERE former_pipeline_id IS NOT NULL;
CREATE INDEX ix_opportunity_change_occurred_at ON opportunity_change (tenant, occurred_at, id);
CREATE INDEX ix_opportunity_change_opportunity_id ON opportunity_change (tenant, opportunity_id, id);
CREATE INDEX ix_opportunity_change_pipeline_id ON opportunity_change (tenant, pipeline_id, id);
