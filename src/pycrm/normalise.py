"""One written form for e-mails, phones, names, addresses and numbers: keys to compare by, never what is stored.

A key is for finding the same thing written twice. It forgets on purpose (case, accents, a ``+tag``), so the stored value
stays as it came. ``None`` says that the text holds no such thing. Whether a well-formed value stands for nobody
(``test@firm.com``, ``000000000``) is a question of its own: :func:`is_placeholder`.
"""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from typing import Literal, TypeAlias

from pycrm.errors import InvalidValueError, MissingExtraError

__all__ = [
    "PlaceholderKind",
    "address_key",
    "date_key",
    "email_key",
    "fold",
    "given_name_key",
    "is_placeholder",
    "name_key",
    "phone_key",
    "postcode_key",
    "surname_keys",
    "tax_id_key",
]

PlaceholderKind: TypeAlias = Literal["email", "phone", "name", "date", "postcode", "identifier"]
"""What :func:`is_placeholder` can judge."""

_LONGEST = 512  # a longer text is no name and no address; its beginning is enough to compare by
_UNDECOMPOSED = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i", "ħ": "h"}
)
_APOSTROPHES = str.maketrans("", "", "'’‘`´")
_ASCII_WORDS = str.maketrans({chr(code): " " for code in range(128) if not chr(code).isalnum()} | {"'": "", "`": ""})
_NOT_WORD = re.compile(r"[\W_]+")
_MARIA = re.compile(r"\bM\s?\.?\s?ª\.?|\bM\.a\b\.?|\bM[aA]\.(?=\s)", re.UNICODE)
_PARTICLES = frozenset(
    [
        "de",
        "del",
        "la",
        "las",
        "los",
        "el",
        "y",
        "da",
        "das",
        "do",
        "dos",
        "di",
        "du",
        "van",
        "von",
        "der",
        "den",
        "ter",
        "zu",
    ]
)
_SUFFIXES = frozenset(["jr", "sr", "ii", "iii", "iv", "md", "phd", "esq", "hijo", "filho", "junior", "senior"])
_TITLES = frozenset(
    ["mr", "mrs", "ms", "miss", "dr", "dra", "prof", "sr", "sra", "srta", "don", "dona", "herr", "frau", "mme", "mlle"]
)

_NICKNAMES = {
    short: full
    for full, shorts in {
        "alejandra": "jandra", "alexander": "alex sandy alec", "alfonso": "fonsi", "andrew": "andy drew",
        "anthony": "tony ant", "antonio": "toni antoni antxon", "barbara": "barb babs", "benjamin": "ben benji",
        "catherine": "cathy kate katie cat kathy katherine kathryn", "charles": "charlie chuck chas",
        "christine": "chrissie", "christopher": "chris", "concepcion": "concha conchi conchita", "consuelo": "chelo",
        "daniel": "dan danny dani", "david": "dave davey", "deborah": "deb debbie", "dolores": "lola loli",
        "donald": "don donny", "dorothy": "dot dottie", "edward": "ed eddie ted ned", "elizabeth": "liz beth betty lizzie eliza",
        "enrique": "kike quique", "ernesto": "neto", "federico": "fede", "fernando": "nando fer",
        "francisca": "paca paqui", "francisco": "fco paco pancho curro kiko fran francesc frco", "frederick": "fred freddie",
        "gabriel": "gabi gabe", "gregory": "greg", "guadalupe": "lupe", "guillermo": "guille memo", "ignacio": "nacho inaki",
        "isabel": "isa chabela", "jacqueline": "jackie", "james": "jim jimmy jamie", "jennifer": "jen jenny",
        "jesus": "chus chuy suso", "joaquin": "quino ximo", "john": "jack johnny jon", "jonathan": "jonny",
        "jose": "pepe josep pepito che", "josefa": "pepa fina", "joseph": "joe joey", "joshua": "josh", "kenneth": "ken kenny",
        "lawrence": "larry", "leonard": "len lenny", "lourdes": "lurdes", "luis": "lucho luisito", "manuel": "manolo manu lolo",
        "margaret": "maggie meg peggy marge", "maria": "mari mariquita", "matthew": "matt", "mercedes": "merche",
        "michael": "mike mick mickey", "miguel": "migue", "montserrat": "montse", "nicholas": "nick nicky", "nicolas": "nico",
        "pamela": "pam", "patricia": "patty tricia patri", "patrick": "paddy", "peter": "pete", "pilar": "pili",
        "rafael": "rafa", "raymond": "ray", "rebecca": "becky becca", "ricardo": "richi ricky", "richard": "rick dick rich",
        "robert": "bob bobby rob robbie bert", "roberto": "beto", "ronald": "ron ronnie", "rosario": "charo",
        "samuel": "sam sammy", "santiago": "santi", "sebastian": "sebas", "stephen": "steve steven stevie",
        "susan": "sue susie suzy", "theodore": "theo", "teresa": "tere maite", "thomas": "tom tommy", "timothy": "tim timmy",
        "victoria": "vicky tori", "vicente": "chente vicent", "william": "bill billy will willy liam",
    }.items()
    for short in shorts.split()
}  # fmt: skip

STREET_WORDS = {
    short: full
    for full, shorts in {
        "street": "st str", "road": "rd", "avenue": "ave av avda avd avenida", "place": "pl", "drive": "dr", "lane": "ln",
        "court": "ct crt", "crescent": "cres", "square": "sq plaza plza pza", "calle": "c cl", "carretera": "ctra crta",
        "paseo": "pso po", "numero": "num no", "flat": "apt apartment unit piso", "saint": "snt",
    }.items()
    for short in shorts.split()
}  # fmt: skip
STREET_NOISE = frozenset(["de", "del", "la", "las", "los", "the", "of", "numero"])

_PHONES: dict[str, tuple[str, str, frozenset[int]]] = {
    # region: country code, trunk prefix dialled inside the country, digits of a national number (E.164 / ITU-T national plans)
    "AU": ("61", "0", frozenset({9})), "BE": ("32", "0", frozenset({8, 9})), "BR": ("55", "0", frozenset({10, 11})),
    "CA": ("1", "1", frozenset({10})), "CH": ("41", "0", frozenset({9})), "CL": ("56", "", frozenset({9})),
    "CO": ("57", "", frozenset({10})), "DK": ("45", "", frozenset({8})), "ES": ("34", "", frozenset({9})),
    "FR": ("33", "0", frozenset({9})), "GB": ("44", "0", frozenset({9, 10})), "IN": ("91", "0", frozenset({10})),
    "IT": ("39", "", frozenset(range(8, 12))), "MX": ("52", "", frozenset({10})), "NL": ("31", "0", frozenset({9})),
    "NO": ("47", "", frozenset({8})), "PL": ("48", "", frozenset({9})), "PT": ("351", "", frozenset({9})),
    "US": ("1", "1", frozenset({10})),
}  # fmt: skip
_TRUNK_OF_CODE = {code: (trunk, lengths) for code, trunk, lengths in _PHONES.values() if trunk == "0"}
_PHONE_PUNCTUATION = str.maketrans("", "", " \t\r\n\xa0-.()/\u2010\u2011\u2012\u2013\u2014")
_EXTENSION = re.compile(r"\s*(?:ext\.?|extension|x|#|;ext=)\s*\d{1,6}\s*$", re.IGNORECASE)

_EMAIL_SHOWN = re.compile(r"^[^<>]*<([^<>]+)>$")
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_LOCAL_PART = re.compile(r"[^\s\"(),:;<>@\[\\\]\x00-\x1f\x7f]{1,64}")

NOBODY_LOCALS = frozenset(
    [
        "test",
        "tests",
        "testing",
        "prueba",
        "pruebas",
        "noreply",
        "no-reply",
        "donotreply",
        "none",
        "na",
        "n/a",
        "nobody",
        "noone",
        "noemail",
        "no-email",
        "nomail",
        "noemail",
        "sinemail",
        "sincorreo",
        "sinmail",
        "notengo",
        "notiene",
        "unknown",
        "desconocido",
        "anonymous",
        "anon",
        "fake",
        "null",
        "undefined",
        "asdf",
        "xxx",
        "user_null",
        "email",
        "correo",
    ]
)
NOBODY_DOMAINS = frozenset(["none.com", "noemail.com", "nomail.com", "sinemail.com", "notengo.com"])
NOBODY_NAMES = frozenset(
    [
        "test",
        "test test",
        "prueba",
        "unknown",
        "desconocido",
        "desconocida",
        "none",
        "null",
        "na",
        "n a",
        "nan",
        "anonymous",
        "anonimo",
        "anon",
        "guest",
        "invitado",
        "customer",
        "cliente",
        "undefined",
        "sin nombre",
        "no name",
        "first name",
        "last name",
        "nn",
        "n n",
        "sin apellido",
        "sin apellidos",
        "asdf",
    ]
)
NOBODY_DATES = frozenset({"1900-01-01", "1901-01-01", "1899-12-30", "1899-12-31", "1904-01-01", "1970-01-01", "1753-01-01",
                           "1800-01-01", "1600-01-01", "9999-12-31", "0001-01-01", "1111-11-11"})  # fmt: skip


def fold(text: str | None) -> str | None:
    """Return the words of `text` in lower case, without accents and punctuation, one space apart; None if no word is left.

    Letters of other scripts stay. Only the first 512 characters are read.

    Examples
    --------
    >>> fold("  GARCÍA-Núñez,  Ana  "), fold("?!")
    ('garcia nunez ana', None)
    """
    text = _text(text)
    if text is None:
        return None
    text = text[:_LONGEST].lower()
    if text.isascii():
        words = text.translate(_ASCII_WORDS)
    else:
        text = text.casefold().translate(_APOSTROPHES).translate(_UNDECOMPOSED)
        plain = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
        words = _NOT_WORD.sub(" ", plain.casefold())
    return " ".join(words.split()) or None


def email_key(text: str | None) -> str | None:
    """Return an e-mail address as a match key, or None if `text` holds no address.

    Lower case, the domain in ASCII (IDNA), no ``+tag``; at Gmail also no dots, and one name for its two domains. Syntax only:
    no network is asked.

    Examples
    --------
    >>> email_key(" Ana.Garcia+news@GoogleMail.com"), email_key("Ana <ana@exämple.es>"), email_key("ana at example")
    ('anagarcia@gmail.com', 'ana@xn--exmple-cua.es', None)
    """
    text = _text(text)
    if text is None or len(text) > _LONGEST:
        return None
    address = text.strip().lower()
    address = address.removeprefix("mailto:")
    if shown := _EMAIL_SHOWN.match(address):
        address = shown[1].strip()
    local, at, domain = address.rpartition("@")
    if not at:
        return None
    domain = domain.rstrip(".")
    if not address.isascii():
        local = unicodedata.normalize("NFKC", local)
        try:
            domain = domain.encode("idna").decode("ascii")
        except UnicodeError:
            return None
    labels = domain.split(".")
    if len(labels) < 2 or len(domain) > 253 or not all(map(_LABEL.fullmatch, labels)):
        return None
    if not _LOCAL_PART.fullmatch(local):
        return None
    name = local.partition("+")[0] or local
    if domain in {"gmail.com", "googlemail.com"}:
        domain, name = "gmail.com", name.replace(".", "") or name
    return f"{name}@{domain}"


def phone_key(text: str | None, region: str | None = None) -> str | None:
    """Return a telephone number in E.164, or None if `text` holds no such number.

    Parameters
    ----------
    text : str or None
        As people write it: ``+34 600 12 34 56``, ``0034600123456``, or ``600-123-456`` together with a region.
    region : str, optional
        ISO 3166 alpha-2 country of numbers written without their country code; without it such a number has no key.

    Raises
    ------
    InvalidValueError
        If `region` is not two letters.
    MissingExtraError
        If the plan of `region` is not built in and the extra ``phone`` is not installed.

    Notes
    -----
    Nineteen plans are built in; a number they do not settle goes to `phonenumbers`, where that is installed, else to None.
    The possible length is checked, not whether the number is in service.

    Examples
    --------
    >>> phone_key("600 12 34 56", "ES"), phone_key("0034 600-123-456"), phone_key("+44 (0)20 7946 0958")
    ('+34600123456', '+34600123456', '+442079460958')
    >>> phone_key("600123456") is None
    True
    """
    text = _text(text)
    region = _region(region)
    if text is None or len(text) > _LONGEST:
        return None
    raw = _EXTENSION.sub("", text.strip())
    compact = raw.replace("(0)", "").translate(_PHONE_PUNCTUATION)
    compact = compact.removeprefix("tel:")
    international = compact.startswith(("+", "00"))
    digits = compact[1:] if compact.startswith("+") else compact[2:] if international else compact
    if not digits.isdecimal():
        return None
    if not digits.isascii():
        digits = "".join(str(unicodedata.digit(c)) for c in digits)
    if international:
        return _international(digits)
    if region is None:
        return None
    if region not in _PHONES:
        return _parsed(digits, region, required=True)
    code, trunk, lengths = _PHONES[region]
    if len(digits) in lengths and not (trunk == "0" and digits.startswith("0")):
        return f"+{code}{digits}"
    if trunk and digits.startswith(trunk) and len(digits) - 1 in lengths:
        return f"+{code}{digits[1:]}"
    if digits.startswith(code) and len(digits) - len(code) in lengths:
        return f"+{digits}"
    return _parsed(digits, region, required=False)


def name_key(text: str | None) -> str | None:
    """Return a personal name as a match key: folded, in the order given name then surnames, without titles and particles.

    ``Mª`` and ``M.a`` are María; "Apellidos, Nombre" is turned round.

    Examples
    --------
    >>> name_key("de la Cruz Pérez, Mª del Carmen"), name_key("Dr. O'Brien")
    ('maria carmen cruz perez', 'obrien')
    """
    text = _text(text)
    if text is None:
        return None
    text = _spelled(text[:_LONGEST])
    before, comma, after = text.partition(",")
    if comma and (turned := fold(after)) and "," not in after and turned not in _SUFFIXES:
        text = f"{after} {before}"
    folded = fold(text)
    if folded is None:
        return None
    words = folded.split(" ")
    if len(words) > 1:
        kept = [word for word in words if word not in _PARTICLES and word not in _SUFFIXES]
        if len(kept) > 1 and kept[0] in _TITLES:
            kept = kept[1:]
        words = kept or words
    return " ".join(words)


def given_name_key(text: str | None) -> str | None:
    """Return a given name as a match key, with Spanish and English short forms written out.

    Examples
    --------
    >>> given_name_key("Paco"), given_name_key("Mª Carmen"), given_name_key("BOB")
    ('francisco', 'maria carmen', 'robert')
    """
    key = name_key(text)
    if key is None:
        return None
    if " " in key:
        return " ".join("maria" if word == "ma" else _NICKNAMES.get(word, word) for word in key.split(" "))
    return _NICKNAMES.get(key, key)


def surname_keys(text: str | None) -> tuple[str, ...]:
    """Return the surnames of a surname field, each a key of its own; the particles of a compound go.

    Examples
    --------
    >>> surname_keys("García y de la Cruz"), surname_keys("Smith"), surname_keys(None)
    (('garcia', 'cruz'), ('smith',), ())
    """
    key = name_key(text)
    return () if key is None else tuple(key.split(" "))


def postcode_key(text: str | None, region: str | None = None) -> str | None:
    """Return a postcode as a match key: capitals and digits only; None if there are none.

    In a region of five digits (ES, FR, DE, IT, MX) a lost leading zero comes back; a US ZIP+4 keeps its five.

    Examples
    --------
    >>> postcode_key("sw1a 1aa"), postcode_key("8001", "ES"), postcode_key("94103-1234", "US")
    ('SW1A1AA', '08001', '94103')
    """
    text = _text(text)
    region = _region(region)
    if text is None or len(text) > _LONGEST:
        return None
    key = "".join(c for c in unicodedata.normalize("NFKC", text.removesuffix(".0")).upper() if c.isalnum())
    if region in {"ES", "FR", "DE", "IT", "MX"} and key.isdecimal():
        return key.zfill(5) if 4 <= len(key) <= 5 else None
    if region == "US" and key.isdecimal() and len(key) in {8, 9}:
        key = key.zfill(9)[:5]
    return key or None


def tax_id_key(text: str | None, region: str | None = None) -> str | None:
    """Return a tax or VAT number as a match key: capitals and digits without the country's prefix.

    With region ``ES`` the control character of NIF, NIE and CIF is checked, and a wrong one has no key: a typing error would
    match a stranger.

    Examples
    --------
    >>> tax_id_key("ES 12.345.678-Z", "ES"), tax_id_key("12345678A", "ES"), tax_id_key("de 123456789")
    ('12345678Z', None, 'DE123456789')
    """
    text = _text(text)
    region = _region(region)
    if text is None or len(text) > _LONGEST:
        return None
    key = "".join(c for c in unicodedata.normalize("NFKC", text).upper() if c.isalnum())
    if region is not None:
        key = key.removeprefix(region)
    if region == "ES":
        return _spanish_tax_id(key)
    return key if len(key) >= 5 else None


def address_key(text: str | None) -> str | None:
    """Return a street address as a match key: folded, the usual abbreviations written out, filler words gone.

    Examples
    --------
    >>> address_key("C/ Mayor, nº 5"), address_key("5 Main St.")
    ('calle mayor 5', '5 main street')
    """
    key = fold(text)
    if key is None:
        return None
    words = [STREET_WORDS.get(word, word) for word in key.split(" ")]
    return " ".join([word for word in words if word not in STREET_NOISE] or words)


def date_key(text: str | None, *, day_first: bool = True) -> str | None:
    """Return a calendar date as ``YYYY-MM-DD``, or None if `text` is no date of the calendar.

    Read are ISO 8601 (also with a time behind it), ``YYYYMMDD``, and day, month and year in figures between ``/``, ``-`` or
    ``.``; where `day_first` is impossible but its swap is not, the swap is read.

    Examples
    --------
    >>> date_key("31/12/1980"), date_key("12/31/1980"), date_key("19801231"), date_key("1980-02-30")
    ('1980-12-31', '1980-12-31', '1980-12-31', None)
    """
    text = _text(text)
    if text is None:
        return None
    text = text.strip()[:32]
    if text.endswith(".0") and text[:-2].isdecimal():
        text = text[:-2]
    if len(text) == 8 and text.isascii() and text.isdecimal():
        parts = [text[:4], text[4:6], text[6:]]
    else:
        parts = re.split(r"[-/.]", re.split(r"[T\s]", text, maxsplit=1)[0])
    if len(parts) != 3 or not all(part.isascii() and part.isdecimal() for part in parts):
        return None
    if len(parts[0]) == 4:
        return _calendar(*map(int, parts))
    if len(parts[2]) != 4:
        return None
    first, second, year = map(int, parts)
    day, month = (first, second) if day_first else (second, first)
    return _calendar(year, month, day) or _calendar(year, day, month)


def is_placeholder(text: str | None, kind: PlaceholderKind) -> bool:
    """Tell whether `text` was typed to fill a field and stands for nobody; such a value must match nothing.

    Parameters
    ----------
    text : str or None
        The value as it came, or its key. None is a missing value, no placeholder.
    kind : {"email", "phone", "name", "date", "postcode", "identifier"}
        What the field holds.

    Examples
    --------
    >>> is_placeholder("test@firm.com", "email"), is_placeholder("+34 600 000 000", "phone"), is_placeholder("Ana", "name")
    (True, True, False)
    """
    text = _text(text)
    if kind not in {"email", "phone", "name", "date", "postcode", "identifier"}:
        raise InvalidValueError("kind", kind, "use email, phone, name, date, postcode or identifier")
    if text is None:
        return False
    text = text[:_LONGEST].strip()
    if kind == "email":
        local, at, domain = text.lower().rpartition("@")
        return bool(at) and (local.partition("+")[0] in NOBODY_LOCALS or domain in NOBODY_DOMAINS)
    if kind == "date":
        return (date_key(text) or text) in NOBODY_DATES
    if kind == "name":
        key = fold(text)
        return key is not None and (key in NOBODY_NAMES or (len(key) > 2 and len(set(key)) == 1))
    characters = [c for c in text.upper() if c.isalnum()]
    if kind == "phone":
        tail = characters[-8:] if len(characters) > 9 else characters[-6:]
        return bool(tail) and (_monotone(characters) or len(set(tail)) == 1 or _monotone(characters[-9:]))
    return bool(characters) and (
        (len(characters) > 1 and set(characters) == {"0"}) or (len(characters) > 3 and _monotone(characters))
    )


def _text(text: str | None) -> str | None:
    if text is None or isinstance(text, str):
        return text
    raise InvalidValueError("text", text, "give a str, or None where there is none")


def _region(region: object) -> str | None:
    if region is None:
        return None
    if isinstance(region, str) and len(region) == 2 and region.isascii() and region.isalpha():
        return region.upper()
    raise InvalidValueError("region", region, "give an ISO 3166 code of two letters, as in 'ES'")


def _spelled(text: str) -> str:
    """`text` with the written short forms of María, which folding would hide."""
    return _MARIA.sub("Maria ", text) if "M" in text else text


def _international(digits: str) -> str | None:
    """Write digits in E.164 with their country code; a trunk zero that some write after the code goes."""
    if not 8 <= len(digits) <= 15 or digits.startswith("0"):
        return None
    for length in (2, 3):
        plan = _TRUNK_OF_CODE.get(digits[:length])
        if plan is not None and digits[length] == "0" and len(digits) - length - 1 in plan[1]:
            return f"+{digits[:length]}{digits[length + 1 :]}"
    return f"+{digits}"


def _parsed(digits: str, region: str, *, required: bool) -> str | None:
    try:
        import phonenumbers
    except ImportError:
        if required:
            raise MissingExtraError(f"the numbering plan of {region}", "phone") from None
        return None
    try:
        number = phonenumbers.parse(digits, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return _international(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)[1:])


def _spanish_tax_id(key: str) -> str | None:
    letters = "TRWAGMYFPDXBNJZSQVHLCKE"
    person = re.fullmatch(r"([XYZKLM]?)(\d{1,8})([A-Z])", key, re.ASCII)
    if person and len(key) <= 9:
        prefix, number, control = person.groups()
        width = 7 if prefix else 8
        if len(number) > width:
            return None
        lead = {"X": "0", "Y": "1", "Z": "2"}.get(prefix, "")
        whole = lead + number.zfill(width)
        return prefix + number.zfill(width) + control if letters[int(whole) % 23] == control else None
    firm = re.fullmatch(r"([ABCDEFGHJNPQRSUVW])(\d{7})([0-9A-J])", key, re.ASCII)
    if not firm:
        return None
    _kind, number, control = firm.groups()
    odd = sum(sum(divmod(2 * int(digit), 10)) for digit in number[::2])
    check = -(odd + sum(map(int, number[1::2]))) % 10
    return key if control in {str(check), "JABCDEFGHI"[check]} else None


def _calendar(year: int, month: int, day: int) -> str | None:
    try:
        return dt.date(year, month, day).isoformat()
    except ValueError:
        return None


def _monotone(characters: list[str]) -> bool:
    """Whether all are one character, or count up or down as on a keyboard."""
    if len(characters) < 4:
        return len(characters) > 1 and len(set(characters)) == 1
    joined = "".join(characters)
    return len(set(characters)) == 1 or joined in "01234567890123456789" or joined in "98765432109876543210"
