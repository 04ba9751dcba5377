"""What things are: frozen values and their rules; nothing here knows a database, a data frame or a clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pycrm.model.assessment import (
        Assessment,
        Tier,
    )
    from pycrm.model.consent import (
        CaptureSource,
        ConsentEntry,
        ConsentStatus,
        LegalBasis,
        Permission,
        may_contact,
        merge_consents,
    )
    from pycrm.model.contact import (
        Channel,
        ContactKind,
        ContactPoint,
        Validity,
        channel_code,
    )
    from pycrm.model.contact_policy import (
        CapPeriod,
        ContactMade,
        ContactPolicy,
        FrequencyCap,
        QuietHours,
        Suppression,
    )
    from pycrm.model.custom import (
        NO_FIELDS,
        CustomFieldDef,
        CustomFields,
        FieldKind,
        Value,
    )
    from pycrm.model.customer import (
        Customer,
        CustomerKind,
        ExternalId,
        Identifier,
        NameOrder,
        Organisation,
        PersonName,
        Role,
        Strength,
    )
    from pycrm.model.entity import (
        Entity,
        new_id,
    )
    from pycrm.model.evidence import (
        Actor,
        ActorKind,
        EvidenceRef,
        Reason,
    )
    from pycrm.model.facts import (
        Facts,
        age_on,
        facts_of,
    )
    from pycrm.model.import_run import (
        ImportOutcome,
        ImportRun,
        RowStatus,
        count_outcomes,
    )
    from pycrm.model.intent import (
        ContactIntent,
        IntentKind,
    )
    from pycrm.model.interaction import (
        Direction,
        Interaction,
        InteractionKind,
        Mode,
        Participant,
    )
    from pycrm.model.lifecycle import (
        ALLOWED,
        Stage,
        StageChange,
        stage_of,
    )
    from pycrm.model.money import (
        CURRENCIES,
        Money,
        MoneyAt,
        total,
    )
    from pycrm.model.offer import (
        Offer,
        OfferDecision,
        OfferKind,
    )
    from pycrm.model.order import (
        Order,
        OrderLine,
        OrderStatus,
        Product,
        Refund,
        UnallocatedRefund,
    )
    from pycrm.model.predicate import (
        AllOf,
        AnyOf,
        Not,
        Op,
        Path,
        Predicate,
        Where,
        all_of,
        any_of,
        evaluate,
        where,
    )
    from pycrm.model.source import (
        IdentityLink,
        SourceRecord,
        identities,
    )
    from pycrm.model.time import (
        Period,
        local_date,
    )

# One name -> module table, resolved on first use: a hundred frozen classes cost 200 ms, and no program needs them all.
_HOME = {
    "ALLOWED": "pycrm.model.lifecycle",
    "Actor": "pycrm.model.evidence",
    "ActorKind": "pycrm.model.evidence",
    "AllOf": "pycrm.model.predicate",
    "AnyOf": "pycrm.model.predicate",
    "Assessment": "pycrm.model.assessment",
    "CURRENCIES": "pycrm.model.money",
    "CapPeriod": "pycrm.model.contact_policy",
    "CaptureSource": "pycrm.model.consent",
    "Channel": "pycrm.model.contact",
    "ConsentEntry": "pycrm.model.consent",
    "ConsentStatus": "pycrm.model.consent",
    "ContactIntent": "pycrm.model.intent",
    "ContactKind": "pycrm.model.contact",
    "ContactMade": "pycrm.model.contact_policy",
    "ContactPoint": "pycrm.model.contact",
    "ContactPolicy": "pycrm.model.contact_policy",
    "CustomFieldDef": "pycrm.model.custom",
    "CustomFields": "pycrm.model.custom",
    "Customer": "pycrm.model.customer",
    "CustomerKind": "pycrm.model.customer",
    "Direction": "pycrm.model.interaction",
    "Entity": "pycrm.model.entity",
    "EvidenceRef": "pycrm.model.evidence",
    "ExternalId": "pycrm.model.customer",
    "Facts": "pycrm.model.facts",
    "FieldKind": "pycrm.model.custom",
    "FrequencyCap": "pycrm.model.contact_policy",
    "Identifier": "pycrm.model.customer",
    "IdentityLink": "pycrm.model.source",
    "ImportOutcome": "pycrm.model.import_run",
    "ImportRun": "pycrm.model.import_run",
    "IntentKind": "pycrm.model.intent",
    "Interaction": "pycrm.model.interaction",
    "InteractionKind": "pycrm.model.interaction",
    "LegalBasis": "pycrm.model.consent",
    "Mode": "pycrm.model.interaction",
    "Money": "pycrm.model.money",
    "MoneyAt": "pycrm.model.money",
    "NO_FIELDS": "pycrm.model.custom",
    "NameOrder": "pycrm.model.customer",
    "Not": "pycrm.model.predicate",
    "Offer": "pycrm.model.offer",
    "OfferDecision": "pycrm.model.offer",
    "OfferKind": "pycrm.model.offer",
    "Op": "pycrm.model.predicate",
    "Order": "pycrm.model.order",
    "OrderLine": "pycrm.model.order",
    "OrderStatus": "pycrm.model.order",
    "Organisation": "pycrm.model.customer",
    "Participant": "pycrm.model.interaction",
    "Path": "pycrm.model.predicate",
    "Period": "pycrm.model.time",
    "Permission": "pycrm.model.consent",
    "PersonName": "pycrm.model.customer",
    "Predicate": "pycrm.model.predicate",
    "Product": "pycrm.model.order",
    "QuietHours": "pycrm.model.contact_policy",
    "Reason": "pycrm.model.evidence",
    "Refund": "pycrm.model.order",
    "Role": "pycrm.model.customer",
    "RowStatus": "pycrm.model.import_run",
    "SourceRecord": "pycrm.model.source",
    "Stage": "pycrm.model.lifecycle",
    "StageChange": "pycrm.model.lifecycle",
    "Strength": "pycrm.model.customer",
    "Suppression": "pycrm.model.contact_policy",
    "Tier": "pycrm.model.assessment",
    "UnallocatedRefund": "pycrm.model.order",
    "Validity": "pycrm.model.contact",
    "Value": "pycrm.model.custom",
    "Where": "pycrm.model.predicate",
    "age_on": "pycrm.model.facts",
    "all_of": "pycrm.model.predicate",
    "any_of": "pycrm.model.predicate",
    "channel_code": "pycrm.model.contact",
    "count_outcomes": "pycrm.model.import_run",
    "evaluate": "pycrm.model.predicate",
    "facts_of": "pycrm.model.facts",
    "identities": "pycrm.model.source",
    "local_date": "pycrm.model.time",
    "may_contact": "pycrm.model.consent",
    "merge_consents": "pycrm.model.consent",
    "new_id": "pycrm.model.entity",
    "stage_of": "pycrm.model.lifecycle",
    "total": "pycrm.model.money",
    "where": "pycrm.model.predicate",
}

__all__ = [
    "ALLOWED",
    "CURRENCIES",
    "NO_FIELDS",
    "Actor",
    "ActorKind",
    "AllOf",
    "AnyOf",
    "Assessment",
    "CapPeriod",
    "CaptureSource",
    "Channel",
    "ConsentEntry",
    "ConsentStatus",
    "ContactIntent",
    "ContactKind",
    "ContactMade",
    "ContactPoint",
    "ContactPolicy",
    "CustomFieldDef",
    "CustomFields",
    "Customer",
    "CustomerKind",
    "Direction",
    "Entity",
    "EvidenceRef",
    "ExternalId",
    "Facts",
    "FieldKind",
    "FrequencyCap",
    "Identifier",
    "IdentityLink",
    "ImportOutcome",
    "ImportRun",
    "IntentKind",
    "Interaction",
    "InteractionKind",
    "LegalBasis",
    "Mode",
    "Money",
    "MoneyAt",
    "NameOrder",
    "Not",
    "Offer",
    "OfferDecision",
    "OfferKind",
    "Op",
    "Order",
    "OrderLine",
    "OrderStatus",
    "Organisation",
    "Participant",
    "Path",
    "Period",
    "Permission",
    "PersonName",
    "Predicate",
    "Product",
    "QuietHours",
    "Reason",
    "Refund",
    "Role",
    "RowStatus",
    "SourceRecord",
    "Stage",
    "StageChange",
    "Strength",
    "Suppression",
    "Tier",
    "UnallocatedRefund",
    "Validity",
    "Value",
    "Where",
    "age_on",
    "all_of",
    "any_of",
    "channel_code",
    "count_outcomes",
    "evaluate",
    "facts_of",
    "identities",
    "local_date",
    "may_contact",
    "merge_consents",
    "new_id",
    "stage_of",
    "total",
    "where",
]


def __getattr__(name: str) -> object:
    if name in _HOME:
        from importlib import import_module

        value = getattr(import_module(_HOME[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
