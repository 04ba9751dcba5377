"""What a person may ask for, on every store: nothing is held that the answer does not tell, nothing told is left after erasure."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import UUID

import attrs
import numpy as np
import pytest
import sqlalchemy as sa

from pycrm.errors import DocumentError, InvalidValueError, NotFound
from pycrm.model.assessment import Assessment, Tier
from pycrm.model.consent import ConsentEntry, ConsentStatus, Permission, may_contact
from pycrm.model.contact import ContactKind, ContactPoint
from pycrm.model.contact_policy import ContactPolicy, Suppression
from pycrm.model.custom import CustomFields
from pycrm.model.customer import Customer, ExternalId, Identifier, PersonName, Processing
from pycrm.model.erased_keys import key_digest
from pycrm.model.evidence import Actor, ActorKind, Reason
from pycrm.model.experiment import Assignment, Experiment, ExperimentArm
from pycrm.model.import_run import ImportOutcome, ImportRun, RowStatus
from pycrm.model.intent import ContactIntent, IntentKind
from pycrm.model.interaction import Interaction, InteractionKind
from pycrm.model.knowledge import CustomerFact, FactKind, FactOrigin, Topic
from pycrm.model.lead import Lead
from pycrm.model.lifecycle import Stage, StageChange, stage_of
from pycrm.model.money import Money
from pycrm.model.opportunity import Opportunity, OpportunityChange, OpportunityTerms
from pycrm.model.opportunity_history import open_opportunity, opportunity_state
from pycrm.model.order import Order, OrderLine, Refund
from pycrm.model.pipeline import Pipeline, PipelineStage, PipelineStageKind
from pycrm.model.points_account import PointsAccount
from pycrm.model.points_command import CancelHold, Capture, Earn, HoldPoints, Redeem
from pycrm.model.points_entry import PointsEntry
from pycrm.model.predicate import where
from pycrm.model.privacy import Fate, RequestKind, RetentionPolicy, RetentionRule, SubjectRequest
from pycrm.model.promise import Promise
from pycrm.model.referral import Referral, ReferralProgram
from pycrm.model.reward import Redemption, RedemptionStatus, Reward, RewardKind
from pycrm.model.segment import Segment
from pycrm.model.source import IdentityLink, SourceRecord
from pycrm.model.time import Period
from pycrm.serialize import dumps, to_plain
from pycrm.storage import MemoryStore, Query, export, export_erasures, restore
from pycrm.storage.erasure import erase_people
from pycrm.storage.integrity import check
from pycrm.storage.ledger import PointsRequest, post_many_points, post_points
from pycrm.storage.membership import segment_members
from pycrm.storage.sql import SqlStore
from pycrm.workflows import identify, loyalty, measure, privacy, refer
from pycrm.workflows.personalise.reading import customer_rows
from storage.servers import furnished
from workflows.worlds import everything

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
ANA, TWIN, BEA = UUID(int=1), UUID(int=2), UUID(int=3)
EUR = Money("10.00", "EUR")
SAID = Actor(ActorKind.HUMAN, "zz-clerk-of-ana")

SALES = Pipeline(
    code="sales",
    stages=(
        PipelineStage(code="talking", probability=0.2),
        PipelineStage(code="won", kind=PipelineStageKind.WON),
        PipelineStage(code="lost", kind=PipelineStageKind.LOST),
    ),
)

# Every value below says who Ana is, or what somebody wrote about her; each is found nowhere once she is erased.
SECRETS = (
    "Zenobia", "Quixano", "zenobia.quixano@example.org", "Zenobia.Quixano@Example.org", "+34 699 555 111", "+34699555111",
    "old.address@example.org", "zz-tax-8841", "zz-shop-77123", "zz-cookie-4711", "1961-02-03", "zz-beekeeper",
    "zz-gender", "zz-department", "zz-tag", "zz-custom-value", "zz-subject", "zz-summary", "zz-outcome", "zz-payload", "zz-key-of-mail",
    "zz-engraved", "zz-refund-reason", "zz-order-note", "zz-consent-proof", "zz-clerk-of-ana", "zz-stage-note",
    "zz-record-key", "zz-record-field", "zz-link-reason", "zz-intent-text", "zz-fact-oak", "zz-topic-of-lead",
    "zz-points-reason", "zz-assessed-because", "zz-cause-of-adding", "zz-cause-of-change", "zz-actor-of-change",
    "zz-anonymous-summary", "zz-removed-order-note", "zz-twin-mail@example.org", "zz-event-text", "zz-result-text", "zz-unknown-field",
    "zz-name-of-deal", "zz-key-of-deal", "zz-line-of-deal", "zz-note-of-deal", "zz-key-of-step",
    "zz-key-of-points", "zz-key-of-hold", "zz-key-of-redemption",
)  # fmt: skip


def ana():
    return Customer(
        id=ANA,
        name=PersonName(given="Zenobia", family="Quixano"),
        contact_points=(
            ContactPoint(kind=ContactKind.EMAIL, raw="old.address@example.org"),
            ContactPoint(kind=ContactKind.PHONE, raw="+34 699 555 111"),
        ),
        identifiers=(Identifier(namespace="tax", value="zz-tax-8841"),),
        external_ids=(ExternalId("shop", "zz-shop-77123"),),
        birth_date=date(1961, 2, 3),
        gender="zz-gender",
        job_title="zz-beekeeper",
        department="zz-department",
        zone="Europe/Madrid",
        country="ES",
        first_touch_at=NOW - 900 * DAY,
        tags=frozenset({"zz-tag"}),
        custom={"likes": "zz-custom-value"},
        unknown=CustomFields({"later": "zz-unknown-field"}),
    )


def fill(store):
    """Write about Ana in every way the store knows, under two ids, with changes, events and results; and about others."""
    write_about_others(store)
    order = write_about_ana(store)
    with store.begin(actor="zz-actor-of-change", cause="zz-cause-of-change") as unit:
        here = unit.of(Customer).get(ANA)
        mail = ContactPoint(kind=ContactKind.EMAIL, raw="Zenobia.Quixano@Example.org", primary=True)
        unit.of(Customer).save(attrs.evolve(here, contact_points=(mail, *here.contact_points[1:])))
        found = unit.of(Order).get(order.id)
        unit.of(Order).save(attrs.evolve(found, custom={"note": "zz-order-note again"}))
        unit.commit()
    store.run(lambda unit: {"customer": str(ANA), "said": "zz-result-text"}, key="greet zenobia.quixano@example.org")
    store.run(lambda unit: {"customer": str(BEA), "said": "hello"}, key="greet bea")
    identify.merge(store, ANA, TWIN, at=NOW - DAY, reason="zz-link-reason")
    return store


CUP = Reward(code="cup", program="tea", name="A cup", kind=RewardKind.FREE_ITEM, sku="cup", cost=4)


def write_about_others(store):
    with store.begin(actor="clerk", cause="read again what zenobia.quixano@example.org sent") as unit:
        point = ContactPoint(kind=ContactKind.EMAIL, raw="bea@example.org")
        bea = Customer(id=BEA, name=PersonName(given="Bea"), contact_points=(point,), first_touch_at=NOW - 30 * DAY)
        record = SourceRecord(source="shop", key="3", received_at=NOW - 20 * DAY, fields={"note": "likes tea"})
        of_bea = IdentityLink(record_id=record.id, customer_id=BEA, rule="new", decided_at=NOW - 19 * DAY, reason="new")
        sister = Interaction(
            customer_id=BEA,
            kind=InteractionKind.EMAIL,
            channel="email",
            occurred_at=NOW - 2 * DAY,
            recorded_at=NOW - 2 * DAY,
            summary="Asked for OLD.address@example.org, that is Zenobia Quixano, her sister",
        )
        rows = (
            ImportOutcome(0, RowStatus.REFUSED, "zenobia.quixano@example.org", "+34 699 555 111 is no landline"),
            ImportOutcome(1, RowStatus.UPDATED, "bea@example.org"),
        )
        run = ImportRun(source="shop", key="abc", started_at=NOW - 20 * DAY, outcomes=rows)
        never = Suppression(address="zenobia.quixano@example.org", reason="complaint", since=NOW - DAY)
        for entity in (bea, record, of_bea, sister, run, never, SALES, CUP):
            unit.of(type(entity)).add(entity)
        post_points(unit, BEA, "tea", Earn(5), key="thanks:zenobia.quixano@example.org", at=NOW - 8 * DAY)
        post_points(unit, BEA, "tea", HoldPoints(3), key="gift to zenobia.quixano@example.org", at=NOW - 8 * DAY)
        post_points(unit, BEA, "tea", HoldPoints(1), key="basket 7", at=NOW - 8 * DAY)
        unit.emit({"type": "Bounced", "address": "zenobia.quixano@example.org", "code": "5.1.1"})
        unit.emit({"type": "OrderPlaced", "customer": str(BEA), "greeting": "Dear Bea"})
        unit.commit()


def write_about_ana(store):
    again = ContactPoint(kind=ContactKind.EMAIL, raw="zz-twin-mail@example.org")
    line = OrderLine(sku="tea", unit_price=EUR, description="zz-engraved")
    refund = Refund(at=NOW - 5 * DAY, amount=Money("2.50", "EUR"), reason="zz-refund-reason")
    spring = {"run": "current", "as_of": date(2026, 4, 1)}
    order = Order(customer_id=ANA, number="2026-0001", placed_at=NOW - 9 * DAY, currency="EUR", lines=(line,),
                  refunds=(refund,), custom={"note": "zz-order-note"})  # fmt: skip
    gone = Order(customer_id=ANA, number="2026-0002", placed_at=NOW - 8 * DAY, currency="EUR",
                 custom={"n": "zz-removed-order-note"})  # fmt: skip
    mail = {
        "kind": InteractionKind.EMAIL,
        "channel": "email",
        "occurred_at": NOW - 6 * DAY,
        "recorded_at": NOW - 6 * DAY,
        "anonymous_id": "zz-cookie-4711",
    }
    records = [
        SourceRecord(source="shop", key=key, received_at=NOW - 20 * DAY, fields={"note": "zz-record-field"})
        for key in ("zz-record-key", "2")
    ]
    entities = (
        ana(),
        Customer(id=TWIN, name=PersonName(full="Zenobia Quixano"), contact_points=(again,), first_touch_at=NOW),
        *records,
        *(
            IdentityLink(record_id=record.id, customer_id=who, rule="new", decided_at=NOW - 19 * DAY, reason="zz-link-reason")
            for who, record in zip((ANA, TWIN), records, strict=True)
        ),
        order,
        gone,
        Order(customer_id=TWIN, number="2026-0003", placed_at=NOW - 7 * DAY, currency="EUR", lines=(line,)),
        Interaction(customer_id=ANA, subject="zz-subject", summary="zz-summary", outcome="zz-outcome",
                    payload={"raw": "zz-payload"}, idempotency_key="zz-key-of-mail", **mail),
        Interaction(summary="zz-anonymous-summary", **mail),
        ConsentEntry(customer_id=ANA, purpose="marketing", status=ConsentStatus.GRANTED, captured_at=NOW - 50 * DAY,
                     evidence="zz-consent-proof", actor=SAID),
        StageChange(customer_id=ANA, from_stage=None, to_stage=Stage.AWARENESS, occurred_at=NOW - 60 * DAY,
                    recorded_at=NOW - 60 * DAY, reason="first_touch", note="zz-stage-note", actor=SAID),
        Assessment(customer_id=ANA, since=date(2025, 4, 1), orders=1, historic_value=EUR, tier=Tier.MOST_VALUABLE,
                   reasons=(Reason("said", "zz-assessed-because"),), **spring),
        ContactIntent(customer_id=ANA, created_at=NOW - 20 * DAY, kind=IntentKind.QUESTION, topic="satisfaction",
                      text="zz-intent-text", channel="email", address="zenobia.quixano@example.org", purpose="marketing",
                      permission=Permission(True), reasons=(Reason("worth", "zz-intent-text"),), **spring),
        CustomerFact(customer_id=ANA, topic=Topic(FactKind.PREFERENCE, "wood"), value="zz-fact-oak",
                     origin=FactOrigin.STATED, recorded_at=NOW - 3 * DAY),
        Lead(customer_id=ANA, source="fair", created_at=NOW - 40 * DAY, topic="zz-topic-of-lead"),
        *a_deal(ANA, "zz-name-of-deal of Zenobia", "zz-key-of-deal"),
        *a_deal(TWIN, "Zenobia Quixano", "zz-key-of-deal of the twin"),
        ContactPolicy(customer_id=ANA, preferred="email"),
    )  # fmt: skip
    with store.begin(actor="zz-actor-of-change", cause="zz-cause-of-adding") as unit:
        for entity in entities:
            unit.of(type(entity)).add(entity)
        unit.of(Order).remove(gone.id)
        post_points(unit, ANA, "tea", Earn(10, reason="zz-points-reason"), key="zz-key-of-points", at=NOW - 9 * DAY)
        post_points(unit, ANA, "tea", HoldPoints(2), key="zz-key-of-hold", at=NOW - 8 * DAY)
        post_points(unit, ANA, "tea", Redeem(4), key="redeem:zz-key-of-redemption", at=NOW - 8 * DAY)
        unit.of(Redemption).add(
            Redemption(
                member_id=ANA, reward_id=CUP.id, points=4, entry_key="redeem:zz-key-of-redemption", at=NOW - 8 * DAY
            )
        )
        unit.emit(
            {"type": "OrderPlaced", "order": str(order.id), "greeting": "zz-event-text Zenobia", "total": "10.00"}
        )
        unit.commit()
    return order


def a_deal(who, name, key):
    """A deal that was lost, with texts wherever it holds some."""
    deal = Opportunity(customer_id=who, name=name, key=key, pipeline_id=SALES.id, opened_at=NOW - 30 * DAY, changes=2)
    line = OrderLine(sku="tea", unit_price=EUR, description="zz-line-of-deal")
    first = open_opportunity(deal, SALES, OpportunityTerms(lines=(line,)), actor=SAID)
    now = opportunity_state(deal, [first], [SALES], NOW)
    told = {"note": "zz-note-of-deal", "key": "zz-key-of-step", "actor": SAID, "forced": True}
    return deal, first, now.moved("lost", at=NOW - 2 * DAY, reason="price", **told)


def in_memory(_):
    yield MemoryStore()


def in_a_file(folder):
    store = SqlStore(f"sqlite:///{folder / 'crm.db'}")
    yield store
    store.close()


def on_a_server(kind):
    def made(_):
        with furnished(kind) as store:
            yield store

    return made


KINDS = {
    "memory": in_memory,
    "sqlite": in_a_file,
    "postgresql": on_a_server("postgresql"),
    "mariadb": on_a_server("mariadb"),
}


@pytest.fixture(params=KINDS)
def store(request, tmp_path):
    yield from KINDS[request.param](tmp_path)


def found_in(store, texts):
    """Return which texts stand anywhere in a store: in the bytes of its files, or any column of any table, or any object."""
    if isinstance(store, MemoryStore):
        tenant = store._tenant
        held = [
            str(to_plain(version.entity))
            for table in tenant.tables.values()
            for versions in table.rows.values()
            for version in versions
            if version.entity is not None
        ]
        held += [
            repr(part)
            for part in (
                [list(index.entries) for table in tenant.tables.values() for index in table.indexes.values()],
                [table.many for table in tenant.tables.values()],
                [table.holders for table in tenant.tables.values()],
                tenant.trail,
                tenant.outbox,
                tenant.results,
            )
        ]
        return {text for text in texts if any(text in one for one in held)}
    if store.dialect.name == "sqlite":
        path = Path(store.engine.url.database)
        files = [file for file in path.parent.iterdir() if file.name.startswith(path.name)]
        raw = b"".join(file.read_bytes() for file in files)
        return {text for text in texts if text.encode() in raw}
    found = set()
    with store.engine.connect() as connection:
        schema = sa.MetaData()
        schema.reflect(connection)
        for table in schema.tables.values():
            # Bytes are no text to a server: some ids would be, others would break its answer.
            shown = [c if isinstance(c.type, sa.BINARY) else sa.cast(c, sa.Text) for c in table.columns]
            for row in connection.execute(sa.select(*shown)):
                cells = [cell.decode("utf-8", "replace") if isinstance(cell, bytes) else str(cell) for cell in row]
                found |= {text for text in texts if any(text in cell for cell in cells)}
    return found


def test_erasing_leaves_no_value_of_hers_anywhere_and_keeps_books_and_counts(store):
    fill(store)
    assert found_in(store, SECRETS) == set(SECRETS)
    with store.begin(read_only=True) as unit:
        counted = (Order, Interaction, ConsentEntry, PointsEntry, Opportunity, OpportunityChange)
        before = {model: unit.of(model).count(Query(model)) for model in counted}
        points = unit.of(PointsAccount).get(PointsAccount.id_of(ANA, "tea"))

    report = privacy.erase(store, TWIN, at=NOW, received_at=NOW - 3 * DAY, actor="dpo")

    if isinstance(store, MemoryStore):
        store.begin().rollback()
    assert found_in(store, SECRETS) <= {"Zenobia", "Quixano"}  # in Bea's words, and reported
    assert set(report.customer_ids) == {ANA, TWIN}
    (mention,) = report.mentions
    assert (mention.table, mention.field) == ("interaction", "summary")
    assert report.request.customer_ids == report.customer_ids
    assert report.request.received_at == NOW - 3 * DAY
    with store.begin(read_only=True) as unit:
        assert {model: unit.of(model).count(Query(model)) for model in before} == before
        order = unit.of(Order).page(Query(Order, where("number") == "2026-0001")).items[0]
        assert (order.customer_id, order.net, order.lines[0].sku) == (ANA, Money("7.50", "EUR"), "tea")
        kept = unit.of(PointsAccount).get(points.id)
        holds = tuple(attrs.evolve(one, key=key_digest(one.key)) for one in points.holds)
        assert attrs.evolve(kept, version=points.version) == attrs.evolve(points, holds=holds)
        husk = unit.of(Customer).get(ANA)
        assert (husk.processing, husk.country, husk.first_touch_at) == (Processing.ERASED, "ES", NOW - 900 * DAY)
        assert (
            unit.of(Customer).count(
                Query(Customer, where("contact_points.normalised") == "zenobia.quixano@example.org")
            )
            == 0
        )
        trail = unit.history(Customer, ANA)
        assert [(change.action, change.fields) for change in trail if change.action != "add"] == [("erase", {})]
        hers = unit.of(Interaction).page(Query(Interaction, where("customer_id") == BEA)).items[0]
        assert hers.summary == "Asked for erased, that is Zenobia Quixano, her sister"
        assert unit.of(Customer).get(BEA).name == PersonName(given="Bea")
        stages = unit.of(StageChange).page(Query(StageChange, where("customer_id") == ANA)).items
        assert stage_of(stages, NOW) is Stage.ERASED
        for deal in unit.of(Opportunity).page(Query(Opportunity)).items:
            steps = unit.of(OpportunityChange).page(Query(OpportunityChange, where("opportunity_id") == deal.id)).items
            lost = opportunity_state(deal, steps, [SALES], NOW)
            assert (lost.lost_reason, lost.forced, lost.terms.total) == ("price", True, EUR)
    claims = {json.dumps(claim.payload, sort_keys=True) for claim in store.claim("relay")}
    assert json.dumps({"customer": str(BEA), "greeting": "Dear Bea"}) in claims
    assert '{"address": "erased", "code": "5.1.1"}' in claims
    assert any('"greeting": "erased"' in claim and '"total": "10.00"' in claim for claim in claims)
    assert store.run(lambda unit: {"customer": str(BEA), "said": "anew"}, key="greet bea")["said"] == "hello"


def test_no_code_of_an_invitation_tells_who_was_erased(store):
    fill(store)
    with store.begin() as unit:
        unit.of(ReferralProgram).add(ReferralProgram(code="invitations", program="tea"))
        unit.commit()
    mail = "zenobia.quixano@example.org"
    hers = refer.invite(store, "invitations", ANA, key=mail, at=NOW)
    to_her = refer.invite(store, "invitations", BEA, key=f"to {mail}", at=NOW)
    privacy.erase(store, ANA, at=NOW)
    with store.begin(read_only=True) as unit:
        codes = [unit.of(Referral).get(one.id).code for one in (hers, to_her)]
    assert codes == [key_digest(mail), key_digest(f"to {mail}")]
    assert refer.invite(store, "invitations", BEA, key=f"to {mail}", at=NOW).id == to_her.id


def test_the_books_of_who_was_erased_answer_to_the_keys_they_were_posted_under(store):
    fill(store)
    privacy.erase(store, ANA, at=NOW)
    with store.begin(read_only=True) as unit:
        (taken,) = unit.of(Redemption).page(Query(Redemption)).items
        others = unit.of(PointsAccount).get(PointsAccount.id_of(BEA, "tea")).holds
    gift = "gift to zenobia.quixano@example.org"
    assert [one.key for one in others] == [key_digest(gift), "basket 7"]
    assert loyalty.cancel(store, taken.id, NOW).status is RedemptionStatus.CANCELLED
    with store.begin() as unit:
        earned = Earn(10, reason="zz-points-reason")
        again = post_points(unit, ANA, "tea", earned, key="zz-key-of-points", at=NOW)
        assert (again.replayed, again.result.points) == (True, 10)
        assert post_points(unit, ANA, "tea", CancelHold("zz-key-of-hold"), key="given up", at=NOW).result.change == 2
        assert post_points(unit, BEA, "tea", Capture(gift), key="gift sent", at=NOW).account.spent == 3
        for request in (
            PointsRequest(BEA, CancelHold("basket 7"), "empty", NOW),
            PointsRequest(ANA, earned, "zz-key-of-points", NOW),
        ):
            (entry,) = post_many_points(unit, "tea", [request])
            assert entry is not None
        unit.commit()
    assert [fault for fault in check(store).faults if fault.rule == "points"] == []
    with store.begin(read_only=True) as unit:
        hers = unit.of(PointsAccount).get(PointsAccount.id_of(ANA, "tea"))
    assert (hers.available, hers.holds, hers.posted) == (10, (), 5)


def test_who_was_promised_two_things_is_erased_and_each_promise_is_told_apart(store):
    keys = ("zz-first", "zz-second")
    made = [Promise(customer_id=ANA, kind="call", what="zz", made_at=NOW, due=NOW, key=key) for key in keys]
    with store.begin() as unit:
        for entity in (ana(), *made):
            unit.of(type(entity)).add(entity)
        unit.commit()
    privacy.erase(store, ANA, at=NOW)
    assert {one.key for one in everything(store, Promise)} == {str(one.id) for one in made}


def test_erasing_again_an_unknown_or_one_who_came_back(store):
    fill(store)
    first = privacy.erase(store, ANA, at=NOW)
    again = privacy.erase(store, ANA, at=NOW + DAY)
    assert (again.counts, again.request) == ({}, None)
    assert set(again.customer_ids) == set(first.customer_ids) == {ANA, TWIN}
    with pytest.raises(NotFound):
        privacy.erase(store, UUID(int=99), at=NOW)
    with store.begin() as unit:
        unit.of(Lead).add(Lead(customer_id=ANA, source="late", created_at=NOW + DAY, topic="zz-late"))
        unit.commit()
    late = privacy.erase(store, ANA, at=NOW + 2 * DAY)
    assert late.counts == {"lead.redact": 1}
    assert found_in(store, ["zz-late"]) == set()
    assert len(everything(store, SubjectRequest)) == 2


def test_a_customer_who_was_unmerged_is_not_taken_along(store):
    fill(store)
    identify.unmerge(store, TWIN, at=NOW - DAY / 2, reason="two people")
    report = privacy.erase(store, ANA, at=NOW)
    assert report.customer_ids == (ANA,)
    with store.begin(read_only=True) as unit:
        assert unit.of(Customer).get(TWIN).processing is Processing.ALLOWED
    assert privacy.access(store, TWIN, at=NOW).held[0].records


def test_a_restored_backup_repeats_what_was_erased_since(store, tmp_path):
    fill(store)
    export(store, tmp_path / "all.gz")
    privacy.erase(store, ANA, at=NOW)
    assert export_erasures(store, tmp_path / "erasures.jsonl") == 1
    assert not any(secret in (tmp_path / "erasures.jsonl").read_text() for secret in SECRETS)
    (tmp_path / "new").mkdir()
    other = SqlStore(f"sqlite:///{tmp_path / 'new' / 'crm.db'}")
    restore(tmp_path / "all.gz", other, erasures=tmp_path / "erasures.jsonl")
    assert found_in(other, SECRETS) <= {"Zenobia", "Quixano"}
    with other.begin(read_only=True) as unit:
        assert unit.of(Order).count(Query(Order)) == 2
        assert unit.of(Customer).get(ANA).processing is Processing.ERASED
    other.close()


def test_a_backup_made_after_the_erasure_needs_no_log(tmp_path):
    store = fill(MemoryStore())
    privacy.erase(store, ANA, at=NOW)
    export(store, tmp_path / "all.gz")
    other = MemoryStore()
    restore(tmp_path / "all.gz", other)
    assert [request.customer_id for request in everything(other, SubjectRequest)] == [ANA]
    assert privacy.erase(other, ANA, at=NOW + DAY).counts == {}


def test_no_byte_of_many_erased_is_left_among_many_who_stay(tmp_path):
    """Pages are split, merged and filled anew; what was deleted must be zeros wherever it once stood."""
    random = np.random.default_rng(5)
    store = SqlStore(f"sqlite:///{tmp_path / 'crm.db'}", durable=False)
    people = []
    for batch in range(4):
        with store.begin() as unit:
            for number in range(batch * 100, batch * 100 + 100):
                mail = ContactPoint(kind=ContactKind.EMAIL, raw=f"mail{number}q@example.org")
                custom = {"note": f"note{number}q " + "z" * int(random.integers(900))}
                who = Customer(
                    id=UUID(bytes=random.bytes(16)),
                    name=PersonName(given=f"given{number}q"),
                    contact_points=(mail,),
                    custom=custom,
                )
                people.append(unit.of(Customer).add(who))
                summary = f"summary{number}q " + "y" * int(random.integers(3000))
                unit.of(Interaction).add(
                    Interaction(
                        customer_id=who.id,
                        kind=InteractionKind.NOTE,
                        channel="web",
                        occurred_at=NOW,
                        recorded_at=NOW,
                        summary=summary,
                    )
                )
            unit.commit()
        with store.begin() as unit:
            for place in random.choice(len(people), 30, replace=False):
                now = unit.of(Customer).get(people[place].id)
                unit.of(Customer).save(attrs.evolve(now, job_title="x" * int(random.integers(1, 2000))))
            unit.commit()
    gone = random.choice(len(people), 25, replace=False)
    policy = RetentionPolicy(version="1", rules=(RetentionRule(table="lead", keep=DAY, why="x"),))
    assert privacy.retention(store, policy, NOW, dry_run=False).items == ()
    with store.begin() as unit:
        asked = [
            SubjectRequest(kind=RequestKind.ERASE, customer_id=people[place].id, received_at=NOW, done_at=NOW)
            for place in gone
        ]
        erase_people(unit, asked)
        unit.commit()
    store.scrub()
    texts = {number: [f"{word}{number}q" for word in ("mail", "given", "note", "summary")] for number in range(400)}
    found = found_in(store, [text for several in texts.values() for text in several])
    assert found == {text for number, several in texts.items() if number not in gone for text in several}
    store.close()


def test_a_reader_who_keeps_the_log_is_named_and_the_files_are_cleaned_later(tmp_path):
    store = fill(SqlStore(f"sqlite:///{tmp_path / 'crm.db'}", wait=0.1))
    with store.begin(read_only=True) as reader:
        reader.of(Customer).get(ANA)
        report = privacy.erase(store, ANA, at=NOW)
        (left,) = report.left_to_host
        assert left.startswith("call store.scrub() again")
        assert found_in(store, ["zz-tax-8841"]) == {"zz-tax-8841"}
    assert any("VACUUM" in one for one in store.scrub())
    assert found_in(store, ["zz-tax-8841"]) == set()
    store.close()


def test_access_tells_everything_why_since_when_and_what_for(store):
    fill(store)
    data = privacy.access(store, TWIN, at=NOW)
    assert data.customer_ids == (ANA, TWIN)
    text, plain = data.as_text(), json.loads(data.as_json())
    by_staff = {"zz-clerk-of-ana", "zz-actor-of-change", "zz-cause-of-adding", "zz-cause-of-change"}
    beside = {"zz-event-text", "zz-result-text"}
    for secret in set(SECRETS) - by_staff - beside:
        assert secret in text, secret
        assert secret in data.as_json(), secret
    assert not any(secret in text or secret in data.as_json() for secret in by_staff)
    kinds = {held["kind"]: held for held in plain["held"]}
    assert kinds["purchase"]["legal_basis"] == "legal_obligation"
    assert kinds["purchase"]["since"] == (NOW - 9 * DAY).isoformat()
    assert kinds["source_record"]["on_erasure"] == "delete"
    assert len(kinds["purchase"]["records"]) == 3
    assert all(held["purpose"] and held["used_for"] for held in plain["held"])
    assert str(BEA) not in text
    with pytest.raises(NotFound):
        privacy.access(store, UUID(int=99), at=NOW)


def test_an_export_is_the_same_and_is_kept_as_an_answered_request():
    store = fill(MemoryStore())
    told = privacy.access(store, ANA, at=NOW).as_json()
    assert privacy.export(store, ANA, at=NOW) == told
    (first,) = everything(store, SubjectRequest)
    assert (first.kind, first.customer_id, first.counts["purchase"]) == (RequestKind.EXPORT, ANA, 3)


def test_a_correction_keeps_what_stood_before_and_who_changed_it(store):
    fill(store)
    after = privacy.rectify(store, TWIN, {"job_title": "Baker"}, at=NOW, actor="dpo")
    assert (after.id, after.job_title) == (ANA, "Baker")
    with store.begin(read_only=True) as unit:
        last = unit.history(Customer, ANA)[-1]
    assert (last.actor, last.cause, last.fields) == ("dpo", "privacy.rectify", {"job_title": ("zz-beekeeper", "Baker")})
    assert everything(store, SubjectRequest)[-1].kind is RequestKind.RECTIFY
    assert privacy.rectify(store, ANA, {"job_title": "Baker"}, at=NOW) == after
    for name in ("id", "processing", "nonsense", "owner_id"):
        with pytest.raises(InvalidValueError, match="correct one of"):
            privacy.rectify(store, ANA, {name: None}, at=NOW)
    privacy.erase(store, ANA, at=NOW)
    with pytest.raises(InvalidValueError, match="was erased"):
        privacy.rectify(store, ANA, {"job_title": "x"}, at=NOW)
    with pytest.raises(InvalidValueError, match="was erased"):
        privacy.restrict(store, ANA, at=NOW)


def test_a_restricted_customer_is_not_contacted_until_it_is_lifted():
    store = fill(MemoryStore())
    consents = [entry for entry in everything(store, ConsentEntry) if entry.customer_id == ANA]
    restricted = privacy.restrict(store, TWIN, at=NOW, received_at=NOW - DAY)
    assert restricted.id == ANA
    decision = may_contact(restricted, "email", "marketing", NOW, consents=consents)
    assert (decision.allowed, decision.reasons[0].code) == (False, "restricted")
    assert privacy.restrict(store, ANA, at=NOW) == restricted
    lifted = privacy.restrict(store, ANA, at=NOW, lift=True)
    assert may_contact(lifted, "email", "marketing", NOW, consents=consents)
    assert [request.kind for request in everything(store, SubjectRequest)] == [RequestKind.RESTRICT, RequestKind.LIFT]
    privacy.erase(store, ANA, at=NOW)
    with store.begin(read_only=True) as unit:
        husk = unit.of(Customer).get(ANA)
    assert may_contact(husk, "email", "marketing", NOW, consents=consents).reasons[0].code == "erased"


def test_who_complained_and_was_erased_is_suppressed_when_he_is_imported_again():
    store = fill(MemoryStore())
    privacy.erase(store, ANA, at=NOW)
    (kept,) = everything(store, Suppression)
    again = Customer(contact_points=(ContactPoint(kind=ContactKind.EMAIL, raw="ZENOBIA.quixano@example.org"),))
    assert kept.address.startswith("sha256:")
    reasons = may_contact(again, "email", "marketing", NOW, consents=[], suppressions=[kept]).reasons
    assert "suppressed" in {reason.code for reason in reasons}


def test_the_workflows_pass_over_who_is_restricted():
    store = fill(MemoryStore())
    privacy.restrict(store, ANA, at=NOW)
    everyone = Segment(name="everyone", definition=where("version") >= 1)
    with store.begin(read_only=True) as unit:
        (members,) = segment_members(unit, [everyone]).values()
        ids, _ = customer_rows(unit)
    assert members == {BEA} == set(ids)
    pulled = identify.pull_list(store, channel="email", purpose="marketing", at=NOW)
    assert pulled.left_out == {"restricted": 1, "no_consent": 1}
    period = Period(NOW - DAY, NOW + DAY)
    arms = (ExperimentArm(code="a", share=0.5), ExperimentArm(code="b", share=0.5))
    with store.begin() as unit:
        test = unit.of(Experiment).add(Experiment(code="x", name="x", arms=arms, control="a", period=period))
        unit.commit()
    measure.assign(store, test.id, at=NOW)
    assert {one.customer_id for one in everything(store, Assignment)} == {BEA}


def test_a_restriction_of_either_survives_a_merge():
    store = MemoryStore()
    write_about_others(store)
    write_about_ana(store)
    privacy.restrict(store, TWIN, at=NOW - 2 * DAY)
    after = identify.merge(store, ANA, TWIN, at=NOW - DAY, reason="one person")
    assert after.processing is Processing.RESTRICTED


RULES = RetentionPolicy(
    version="2026-1",
    rules=(
        RetentionRule(table="lead", keep=30 * DAY, why="nobody asks after a month"),
        RetentionRule(
            table="interaction", keep=5 * DAY, then=Fate.REDACT, where=where("kind") == "email", why="letters"
        ),
        RetentionRule(table="purchase", keep=3650 * DAY, why="the law on books"),
        RetentionRule(table="source_record", keep=10 * DAY, why="sources are read again"),
        RetentionRule(table="customer", keep=25 * DAY, why="who is silent is forgotten"),
    ),
)


def test_a_dry_run_of_retention_lists_what_would_go_and_why_and_touches_nothing(store):
    fill(store)
    report = privacy.retention(store, RULES, NOW)
    assert report.dry_run
    assert report.counts == {"lead": 1, "interaction": 2, "source_record": 3}
    (lead,) = (item for item in report.items if item.table == "lead")
    assert lead.why == "nobody asks after a month (kept 30 days from 2026-03-22; rules 2026-1)"
    assert (lead.since, lead.due, lead.then, lead.done) == (NOW - 40 * DAY, NOW - 10 * DAY, Fate.DELETE, False)
    assert found_in(store, SECRETS) == set(SECRETS)


def test_retention_does_what_the_dry_run_said(store):
    fill(store)
    report = privacy.retention(store, RULES, NOW, dry_run=False, actor="clock")
    assert {item.table: item.done for item in report.items} == {
        "lead": True,
        "interaction": True,
        "source_record": False,
    }
    assert all("identity_link refers to it" in item.why for item in report.items if not item.done)
    assert found_in(store, ["zz-summary", "zz-anonymous-summary", "zz-topic-of-lead"]) == set()
    assert len(everything(store, Interaction)) == 3
    assert privacy.retention(store, RULES, NOW).counts == {"source_record": 3}
    later = privacy.retention(store, RULES, NOW + 100 * DAY, dry_run=False)
    assert later.counts["customer"] == 3
    assert {one.processing for one in everything(store, Customer)} == {Processing.ERASED}
    assert found_in(store, SECRETS) == set()
    assert privacy.retention(store, RULES, NOW + 100 * DAY).items == ()


def test_a_rule_that_fits_nothing_in_the_store_is_refused():
    store = fill(MemoryStore())
    for table, word in (("parrot", "name one of"), ("contact_policy", "no date")):
        policy = RetentionPolicy(version="1", rules=(RetentionRule(table=table, keep=DAY, why="x"),))
        with pytest.raises(InvalidValueError, match=word):
            privacy.retention(store, policy, NOW)


def test_a_log_that_is_none_is_refused_and_nothing_is_restored(tmp_path):
    store = fill(MemoryStore())
    export(store, tmp_path / "all.gz")
    asked = SubjectRequest(kind=RequestKind.EXPORT, customer_id=ANA, received_at=NOW, done_at=NOW)
    for name, held in (("kind", dumps(asked).encode()), ("damaged", b"\xff\xfe")):
        (tmp_path / name).write_bytes(held)
        other = MemoryStore()
        with pytest.raises(DocumentError) as caught:
            restore(tmp_path / "all.gz", other, erasures=tmp_path / name)
        assert caught.value.code == name
        assert everything(other, Customer) == []


def test_a_store_that_cannot_forget_says_so():
    class Bare:
        """A store whose units of work can do nothing but what every one can."""

        def begin(self, **_):
            return BareUnit()

    class BareUnit:
        def __enter__(self):
            return self

        def __exit__(self, *_):
            return None

    with pytest.raises(InvalidValueError, match="redact"):
        privacy.erase(Bare(), ANA, at=NOW)
    with pytest.raises(InvalidValueError, match="maps"):
        privacy.access(Bare(), ANA, at=NOW)


def test_a_connection_of_the_host_is_cleaned_by_the_host(tmp_path):
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'crm.db'}")
    with engine.connect() as connection:
        store = SqlStore(connection)
        store.create_schema()
        fill(store)
        report = privacy.erase(store, ANA, at=NOW)
        assert "the connection is yours" in report.left_to_host[0]
        with store.begin(read_only=True) as unit:
            assert unit.of(Customer).get(ANA).processing is Processing.ERASED
    engine.dispose()
