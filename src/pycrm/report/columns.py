"""Which column of a file is the customer, the order, the time and the amount: guessed by name, shown, and overruled by hand."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

from attrs import asdict, frozen

from pycrm.report.source import Source

__all__ = ["ColumnMapping", "recognise"]

ROLES: Mapping[str, tuple[str, ...]] = {
    # From the most to the least telling; the words of a name in any order count as that name.
    "customer": (
        "customer id",
        "customerid",
        "customer number",
        "customer no",
        "customer code",
        "customer key",
        "cust id",
        "custid",
        "client id",
        "clientid",
        "client number",
        "client code",
        "id cliente",
        "idcliente",
        "cliente id",
        "codigo cliente",
        "cod cliente",
        "numero cliente",
        "nro cliente",
        "rut cliente",
        "customer",
        "cust",
        "client",
        "cliente",
        "user id",
        "userid",
        "id usuario",
        "buyer id",
        "member id",
        "account id",
        "id socio",
        "usuario",
        "user",
        "buyer",
        "comprador",
        "member",
        "socio",
        "account",
        "cuenta",
        "contact id",
        "contacto",
        "donor id",
        "donor",
        "rut",
        "dni",
        "nif",
        "customer email",
        "client email",
        "email cliente",
        "correo cliente",
        "email",
        "e mail",
        "correo",
        "correo electronico",
        "customer name",
        "client name",
        "nombre cliente",
        "razon social",
    ),
    "order": (
        "invoice no",
        "invoiceno",
        "invoice number",
        "invoice id",
        "invoice",
        "order id",
        "orderid",
        "order number",
        "order no",
        "order key",
        "id pedido",
        "pedido id",
        "numero pedido",
        "nro pedido",
        "n pedido",
        "pedido",
        "no pedido",
        "numero factura",
        "nro factura",
        "n factura",
        "no factura",
        "id factura",
        "factura",
        "folio",
        "transaction id",
        "transaction number",
        "id transaccion",
        "transaccion",
        "order",
        "boleta",
        "receipt id",
        "receipt number",
        "receipt",
        "recibo",
        "ticket",
        "id venta",
        "venta id",
        "numero venta",
        "basket id",
        "orden",
        "id orden",
        "transaction",
    ),
    "time": (
        "order date",
        "orderdate",
        "invoice date",
        "invoicedate",
        "purchase date",
        "transaction date",
        "sale date",
        "order time",
        "ordered at",
        "purchased at",
        "created at",
        "fecha pedido",
        "fecha factura",
        "fecha compra",
        "fecha venta",
        "fecha transaccion",
        "fecha orden",
        "date",
        "fecha",
        "datetime",
        "timestamp",
        "fecha hora",
        "time",
        "day",
        "dia",
    ),
    "amount": (
        "line total",
        "line amount",
        "total linea",
        "importe linea",
        "line revenue",
        "net amount",
        "importe neto",
        "amount",
        "revenue",
        "sales amount",
        "sales",
        "importe",
        "monto",
        "total amount",
        "order total",
        "order value",
        "order amount",
        "importe total",
        "monto total",
        "total pedido",
        "total factura",
        "total",
        "total price",
        "precio total",
        "ventas",
        "ingresos",
        "spend",
        "spent",
        "gasto",
        "valor",
        "valor total",
        "value",
        "subtotal",
        "venta",
        "turnover",
        "donation",
        "monetary value",
    ),
    "quantity": (
        "quantity",
        "qty",
        "quantity ordered",
        "units",
        "cantidad",
        "cant",
        "unidades",
        "uds",
        "pieces",
        "piezas",
    ),
    "price": (
        "unit price",
        "unitprice",
        "price each",
        "price per unit",
        "item price",
        "precio unitario",
        "precio unidad",
        "p unitario",
        "precio unit",
        "price",
        "precio",
        "pvp",
    ),
    "product": (
        "stock code",
        "stockcode",
        "sku",
        "product id",
        "productid",
        "product code",
        "item id",
        "item code",
        "item number",
        "id producto",
        "codigo producto",
        "cod producto",
        "codigo articulo",
        "referencia",
        "product",
        "producto",
        "articulo",
        "item",
        "product name",
        "nombre producto",
        "description",
        "descripcion",
    ),
    "currency": ("currency", "currency code", "moneda", "divisa", "codigo moneda"),
    "name": (
        "customer name",
        "customername",
        "client name",
        "nombre cliente",
        "cliente nombre",
        "nombre",
        "full name",
        "nombre completo",
        "razon social",
        "name",
    ),
    "group": (
        "gender",
        "sex",
        "genero",
        "sexo",
        "age group",
        "age band",
        "grupo edad",
        "tramo edad",
        "rango edad",
        "country",
        "pais",
        "region",
        "comuna",
        "state",
        "provincia",
    ),
}
"""What each part of an order line is called, in English and in Spanish."""

_NEEDED = {
    "customer": "no column says who bought (customer)",
    "time": "no column says when (date)",
    "amount": "no column says how much (an amount, or a quantity and a price)",
}
_SMALL_WORDS = {"de", "del", "la", "el", "of", "the", "en", "por"}


@frozen(kw_only=True)
class ColumnMapping:
    """Which column plays which part; None where no column does.

    Parameters
    ----------
    customer, time : str
        Who, and when.
    amount : str or None
        What a line is worth; None where it is `quantity` times `price`.
    order, quantity, price, product, currency, name, group : str or None
        The invoice, the pieces, their price, the article, the currency code, what to call the customer, and the group whose share
        in the tiers of most care is compared.
    """

    customer: str
    time: str
    amount: str | None = None
    order: str | None = None
    quantity: str | None = None
    price: str | None = None
    product: str | None = None
    currency: str | None = None
    name: str | None = None
    group: str | None = None

    def items(self) -> tuple[tuple[str, str], ...]:
        """Return the parts that a column plays, each with its column."""
        return tuple((role, column) for role, column in asdict(self).items() if column is not None)

    def __str__(self) -> str:
        parts = [f"{role} = {column}" for role, column in self.items()]
        if self.amount is None:
            parts.append(f"amount = {self.quantity} x {self.price}" if self.quantity else f"amount = {self.price}")
        return ", ".join(parts)


def recognise(source: Source, told: Mapping[str, str] | None = None) -> ColumnMapping:
    r"""Return which column of `source` plays which part.

    Parameters
    ----------
    source : Source
        The file; only its header is looked at.
    told : mapping, optional
        Part -> column, as the user wrote it; it overrules the guess. "-" says that no column plays the part.

    Raises
    ------
    UnreadableFileError
        If a column that is told is not there, or customer, time or amount is not found.
    """
    told = dict(told or {})
    by_name = {name.casefold(): name for name in source.header}
    chosen: dict[str, str | None] = {}
    for role, wanted in told.items():
        if wanted == "-":
            chosen[role] = None
            continue
        if wanted.casefold() not in by_name:
            raise source.error(
                f"--{role} names the column {wanted!r}, which is not there", f"there are {_listed(source.header)}"
            )
        chosen[role] = by_name[wanted.casefold()]
    taken = {name for name in chosen.values() if name is not None}
    keys = {name: _words(name) for name in source.header}
    for role in ("customer", "order", "time", "quantity", "price", "amount", "product", "currency", "name", "group"):
        if role in chosen:
            continue
        if role == "amount" and "amount" not in told and chosen.get("quantity") and chosen.get("price"):
            # Where a file has all three, the line amount is the printed one; only its plain names are trusted.
            candidates = ROLES["amount"][:8]
        else:
            candidates = ROLES[role]
        chosen[role] = _best(keys, candidates, taken)
        if chosen[role] is not None:
            taken.add(str(chosen[role]))
    if chosen["amount"] is not None and "price" not in told and chosen["quantity"] is None:
        chosen["price"] = None
    present = {"customer": chosen["customer"], "time": chosen["time"], "amount": chosen["amount"] or chosen["price"]}
    for role, column in present.items():
        if column is None:
            header_is_data = sum(bool(re.fullmatch(r"[\d\s.,:/-]+", name)) for name in source.header) * 2 > len(
                source.header
            )
            raise source.error(
                _NEEDED[role] + ("; the first line looks like data, not like a header" if header_is_data else ""),
                f"name it with --{role} COLUMN; there are {_listed(source.header)}",
            )
    return ColumnMapping(**chosen)  # type: ignore[arg-type]  # checked above


def _words(name: str) -> frozenset[str]:
    plain = "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))
    spaced = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", plain).casefold()
    return frozenset(re.findall(r"[a-z0-9]+", spaced.replace("º", " ").replace("°", " "))) - _SMALL_WORDS


def _best(names: Mapping[str, frozenset[str]], candidates: tuple[str, ...], taken: set[str]) -> str | None:
    for candidate in candidates:
        words = frozenset(candidate.split())
        for name, found in names.items():
            if name not in taken and (found == words or "".join(sorted(found)) == "".join(sorted(words))):
                return name
    return None


def _listed(names: tuple[str, ...]) -> str:
    shown = ", ".join(name if len(name) <= 40 else f"{name[:37]}..." for name in names[:20])
    return shown + (f" and {len(names) - 20} more" if len(names) > 20 else "")
