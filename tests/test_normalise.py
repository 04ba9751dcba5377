"""Match keys: written twice, found once; and never a key for something that is none."""

import datetime as dt
import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pycrm import normalise
from pycrm.errors import InvalidValueError
from pycrm.normalise import (
    address_key,
    date_key,
    email_key,
    fold,
    given_name_key,
    is_placeholder,
    name_key,
    phone_key,
    postcode_key,
    surname_keys,
    tax_id_key,
)

ANY_TEXT = st.text(max_size=60) | st.text(alphabet=string.printable + "áéñçªº'", max_size=40)


@pytest.mark.parametrize(
    ("written", "key"),
    [
        (" Ana@Example.COM ", "ana@example.com"),
        ("ana+shop@example.com", "ana@example.com"),
        ("a.n.a@googlemail.com", "ana@gmail.com"),
        ("a.n.a@example.com", "a.n.a@example.com"),
        ("mailto:ana@example.com", "ana@example.com"),
        ("Ana G. <ana@example.com>", "ana@example.com"),
        ("+tag@example.com", "+tag@example.com"),
        ("ana@bücher.de", "ana@xn--bcher-kva.de"),
        ("...@gmail.com", "...@gmail.com"),
    ],
)
def test_an_email_written_in_many_ways_has_one_key(written, key):
    assert email_key(written) == key


@pytest.mark.parametrize(
    "text",
    ["", " ", "ana", "ana@", "@example.com", "ana@localhost", "a b@example.com", "ana@@example.com", "ana@exa mple.com",
     "ana@-x.com", "ana@x..com", "ana\x00@example.com", "x" * 65 + "@example.com", "a@" + "b" * 600 + ".com", None],
)  # fmt: skip
def test_what_is_no_email_has_no_key(text):
    assert email_key(text) is None


@pytest.mark.parametrize(
    ("written", "region", "key"),
    [
        ("600 12 34 56", "ES", "+34600123456"),
        ("(+34) 600-123-456", None, "+34600123456"),
        ("34600123456", "es", "+34600123456"),
        ("0034600123456", None, "+34600123456"),
        ("020 7946 0958", "GB", "+442079460958"),
        ("+44 (0)20 7946 0958", None, "+442079460958"),
        ("+44 0207 946 0958", None, "+442079460958"),
        ("(415) 555-2671", "US", "+14155552671"),
        ("1-415-555-2671 ext. 12", "US", "+14155552671"),
        ("tel:+14155552671", None, "+14155552671"),
        ("06 12345678", "NL", "+31612345678"),
        ("٦٠٠١٢٣٤٥٦", "ES", "+34600123456"),
    ],
)
def test_a_phone_written_in_many_ways_has_one_key_in_e164(written, region, key):
    assert phone_key(written, region) == key


@pytest.mark.parametrize(
    ("text", "region"),
    [
        ("600123456", None),
        ("", "ES"),
        ("no phone", "ES"),
        ("+34", None),
        ("+1234567890123456", None),
        ("12", "ES"),
        (None, "ES"),
    ],
)
def test_what_is_no_phone_has_no_key(text, region):
    assert phone_key(text, region) is None


def test_the_built_in_plans_say_what_phonenumbers_says():
    phonenumbers = pytest.importorskip("phonenumbers")
    for region in normalise._PHONES:
        number = phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE)
        national = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL)
        expected = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
        assert phone_key(national, region) == expected
        assert phone_key(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)) == expected


def test_a_region_without_a_built_in_plan_is_read_by_phonenumbers():
    pytest.importorskip("phonenumbers")
    assert phone_key("011 15-2345-6789", "AR") == "+5491123456789"


@pytest.mark.parametrize(
    ("written", "key"),
    [
        ("García López, María", "maria garcia lopez"),
        ("Mª Carmen Ruiz", "maria carmen ruiz"),
        ("María del Carmen Ruiz", "maria carmen ruiz"),
        ("M.ª del Carmen Ruiz", "maria carmen ruiz"),
        ("M.a José", "maria jose"),
        ("MA. JOSE", "maria jose"),
        ("José Luis de la Cruz y Núñez", "jose luis cruz nunez"),
        ("King, Jr.", "king"),
        ("O'Brien", "obrien"),
        ("O’Brien", "obrien"),
        ("Ørsted", "orsted"),
        ("Straße", "strasse"),
        ("De la", "de la"),
        ("王小明", "王小明"),
    ],
)
def test_a_name_written_in_many_ways_has_one_key(written, key):
    assert name_key(written) == key


def test_short_forms_of_given_names_are_written_out():
    assert {given_name_key(name) for name in ("Francisco", "Paco", "Fco.", "FRANCISCO")} == {"francisco"}
    assert given_name_key("Mª José") == "maria jose"
    assert given_name_key("Ma Carmen") == "maria carmen"
    assert given_name_key(" 🙂 ") is None


def test_surnames_are_keys_of_their_own():
    assert surname_keys("García de la Torre") == ("garcia", "torre")
    assert surname_keys("") == ()


def test_postcodes_regain_the_zero_a_spreadsheet_took():
    assert postcode_key("8001", "ES") == "08001"
    assert postcode_key("8001.0", "ES") == "08001"
    assert postcode_key("801", "ES") is None
    assert postcode_key(" ec1a-1bb ") == "EC1A1BB"
    assert postcode_key("2139-1234", "US") == "02139"
    assert postcode_key("--") is None


@pytest.mark.parametrize("number", ["12345678Z", "X1234567L", "A58818501", "Q2826000H", "1234567 L", "ES-12345678-z"])
def test_spanish_tax_ids_with_a_right_control_have_a_key(number):
    assert tax_id_key(number, "ES") is not None


@pytest.mark.parametrize("number", ["12345678A", "X1234567A", "A58818502", "Q28260001", "", "123", "Z"])
def test_spanish_tax_ids_with_a_wrong_control_have_none(number):
    assert tax_id_key(number, "ES") is None


def test_addresses_forget_abbreviations_and_fillers():
    assert address_key("C/ de la Mayor, 5") == address_key("calle Mayor 5") == "calle mayor 5"
    assert address_key("10 Downing St") == "10 downing street"


@pytest.mark.parametrize(
    ("written", "key"),
    [("1980-12-31", "1980-12-31"), ("31.12.1980", "1980-12-31"), ("12/31/1980", "1980-12-31"), ("19801231", "1980-12-31"),
     ("19801231.0", "1980-12-31"), ("1980-12-31T10:00:00Z", "1980-12-31"), ("1980-12-31 00:00:00", "1980-12-31"),
     ("1980-13-01", None), ("31/12/80", None), ("yesterday", None), ("", None), (None, None), ("2100-02-29", None)],
)  # fmt: skip
def test_dates_are_read_without_guessing_centuries(written, key):
    assert date_key(written) == key
    assert date_key("01/02/1980", day_first=False) == "1980-01-02"


@given(st.dates())
def test_every_calendar_date_is_its_own_key(day):
    assert date_key(day.isoformat()) == day.isoformat()
    assert date_key(f"{day:%d}/{day:%m}/{day.year:04d}") == day.isoformat()
    assert dt.date.fromisoformat(date_key(day.isoformat())) == day


@pytest.mark.parametrize(
    ("text", "kind"),
    [("test@firm.com", "email"), ("NoReply+x@firm.com", "email"), ("ana@none.com", "email"), ("000000", "phone"),
     ("+34 600 000 000", "phone"), ("123456789", "phone"), ("+34123456789", "phone"), ("Unknown", "name"), ("xxxx", "name"),
     ("Sin nombre", "name"), ("1900-01-01", "date"), ("01/01/1970", "date"), ("00000", "postcode"), ("99999999", "identifier"),
     ("12345678", "identifier")],
)  # fmt: skip
def test_placeholders_are_known(text, kind):
    assert is_placeholder(text, kind)


@pytest.mark.parametrize(
    ("text", "kind"),
    [("ana@example.com", "email"), ("contest@firm.com", "email"), ("+34600123456", "phone"), ("Ana", "name"), ("Li", "name"),
     ("1980-01-01", "date"), ("28001", "postcode"), ("12345678Z", "identifier"), (None, "email"), ("", "phone"), ("", "date")],
)  # fmt: skip
def test_real_values_are_no_placeholders(text, kind):
    assert not is_placeholder(text, kind)


@given(ANY_TEXT)
@example("\x00")
@example("ª")
@example("º")
@example("🙂" * 600)
@example("İ")
@example("ﬁ@example.com")
def test_a_key_of_a_key_is_that_key(text):
    for make in (fold, email_key, phone_key, address_key, date_key, postcode_key):
        key = make(text)
        assert key is None or make(key) == key
    for kind in ("email", "phone", "name", "date", "postcode", "identifier"):
        assert is_placeholder(text, kind) in {True, False}
    assert all(surname_keys(text)) or surname_keys(text) == ()
    assert (
        name_key(text) is None or name_key(text) == name_key(text.upper()) or not text.isascii() or "M" in text.upper()
    )


@given(st.text(alphabet="0123456789+ -()", max_size=20), st.sampled_from(["ES", "GB", "US", "IT", "BR"]))
def test_a_phone_key_is_e164_whatever_was_typed(text, region):
    key = phone_key(text, region)
    assert key is None or (key[0] == "+" and key[1:].isdecimal() and 8 <= len(key) - 1 <= 15 and phone_key(key) == key)


@pytest.mark.parametrize(
    "make",
    [
        fold,
        email_key,
        phone_key,
        name_key,
        given_name_key,
        surname_keys,
        postcode_key,
        tax_id_key,
        address_key,
        date_key,
    ],
)
def test_what_is_not_text_is_refused_by_name(make):
    for value in (600123456, b"ana", 1.5, ["ana"]):
        with pytest.raises(InvalidValueError, match="text"):
            make(value)


def test_an_unknown_kind_or_region_is_refused_with_the_known_ones():
    with pytest.raises(InvalidValueError, match="email, phone"):
        is_placeholder("x", "colour")
    with pytest.raises(InvalidValueError, match="two letters"):
        phone_key("600123456", "Spain")


def test_a_text_of_a_megabyte_is_cut_or_refused_and_not_worked_through():
    long = "é a" * 350_000
    assert email_key(long) is None
    assert phone_key(long) is None
    assert len(name_key(long)) < 600
    assert len(address_key(long)) < 600
