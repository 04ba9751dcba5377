"""An address is kept as it was given and in its one written form, and reaches the customer while it works."""

from datetime import UTC, datetime

import pytest
from hypothesis import given

import strategies
from pycrm.errors import InvalidValueError
from pycrm.model.contact import Channel, ContactKind, ContactPoint, Validity, channel_code
from pycrm.model.time import Period

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "kind, raw, written",
    [
        (ContactKind.EMAIL, " Ana@Example.COM ", "ana@example.com"),
        (ContactKind.PHONE, "+34 600 111 222", "+34600111222"),
        (ContactKind.PHONE, " ext. ", "ext."),
        (ContactKind.POSTAL, " 1  Main \n Street ", "1 Main Street"),
        (ContactKind.SOCIAL, "@Ana", "@Ana"),
    ],
)
def test_an_address_has_one_written_form_and_keeps_the_given_one(kind, raw, written):
    point = ContactPoint(kind=kind, raw=raw)
    assert (point.raw, point.normalised) == (raw, written)


@given(strategies.contact_points)
def test_writing_the_written_form_again_changes_nothing(point):
    if point.kind is not ContactKind.PHONE:
        assert ContactPoint(kind=point.kind, raw=point.normalised).normalised == point.normalised


def test_a_phone_reaches_by_voice_text_and_menu_only_while_it_works():
    phone = ContactPoint(kind=ContactKind.PHONE, raw="600111222", period=Period(NOON, None))
    assert [channel for channel in Channel if phone.reaches(channel, NOON)] == [Channel.PHONE, Channel.SMS, Channel.IVR]
    assert not phone.reaches("sms", datetime(2026, 4, 1, tzinfo=UTC))
    for validity in (Validity.INVALID, Validity.BOUNCED):
        assert not ContactPoint(kind=ContactKind.PHONE, raw="1", validity=validity).reaches("sms", NOON)


@pytest.mark.parametrize(
    "fields", [{"kind": "email"}, {"raw": ""}, {"raw": 5}, {"raw": None}, {"primary": 1}, {"verified_at": datetime(2026, 1, 1)},
               {"normalised": " "}, {"label": ""}, {"validity": "valid"}, {"period": None}]
)  # fmt: skip
def test_a_wrong_address_is_refused_by_the_name_of_its_field(fields):
    with pytest.raises(InvalidValueError, match=f"^{next(iter(fields))}: "):
        ContactPoint(**{"kind": ContactKind.EMAIL, "raw": "a@b.example", **fields})


def test_a_channel_is_one_of_ours_or_the_hosts_own():
    assert channel_code(Channel.SMS) == "sms"
    assert type(channel_code(Channel.SMS)) is str
    assert channel_code("other:fax") == "other:fax"
    for wrong in ("fax", "other:", "other: fax", "", None, 5, "EMAIL"):
        with pytest.raises(InvalidValueError, match="channel"):
            channel_code(wrong)
