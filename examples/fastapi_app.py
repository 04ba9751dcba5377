"""A small web service over an AsyncStore: one unit of work per request.

Run it with ``uvicorn fastapi_app:app``; the test client does so without a server.
"""

import os
from contextlib import asynccontextmanager
from typing import Annotated
from uuid import UUID

from fastapi import Depends, FastAPI, Header, HTTPException
from fastapi.responses import JSONResponse

from pycrm.errors import Conflict, Duplicate, InvalidCursor, InvalidValueError, NotFound
from pycrm.model.order import Product
from pycrm.serialize import to_dict
from pycrm.storage import Query, asc
from pycrm.storage.sql import AsyncStore, AsyncUnit


@asynccontextmanager
async def lifespan(app):
    app.state.store = AsyncStore(os.environ.get("CRM_URL", "sqlite+aiosqlite:///crm.db"))
    await app.state.store.create_schema()
    yield
    await app.state.store.close()


app = FastAPI(lifespan=lifespan)


@app.exception_handler(InvalidCursor)
@app.exception_handler(InvalidValueError)
async def refused(_, error):
    """Say what is wrong with what was sent: a cursor that was changed, the name of no tenant, a value that breaks a rule."""
    return JSONResponse({"detail": str(error)}, status_code=422)


async def unit(tenant: Annotated[str, Header()] = "main", actor: Annotated[str | None, Header()] = None):
    async with app.state.store.tenant(tenant).begin(actor=actor) as uow:
        yield uow


Unit = Annotated[AsyncUnit, Depends(unit)]


@app.post("/products", status_code=201)
async def add(sku: str, name: str, uow: Unit):
    try:
        made = await uow.of(Product).add(Product(sku=sku, name=name))
        await uow.commit()
    except (Duplicate, Conflict) as error:
        raise HTTPException(409, str(error)) from error
    return to_dict(made)


@app.get("/products/{id}")
async def get(id: UUID, uow: Unit):
    try:
        return to_dict(await uow.of(Product).get(id))
    except NotFound as error:
        raise HTTPException(404, str(error)) from error


@app.get("/products")
async def page(uow: Unit, after: str | None = None):
    found = await uow.of(Product).page(Query(Product, order=(asc("sku"),)), size=20, after=after)
    return {"items": [to_dict(one) for one in found.items], "next": found.next}


async def visit() -> None:
    """Speak to the app as a browser would, without a socket."""
    import httpx

    transport = httpx.ASGITransport(app=app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://crm") as client,
    ):
        made = await client.post("/products", params={"sku": "A1", "name": "Pen"})
        again = await client.post("/products", params={"sku": "A1", "name": "Pen"})
        found = await client.get(f"/products/{made.json()['id']}")
        print(made.status_code, again.status_code, found.json()["name"])


if __name__ == "__main__":
    import asyncio
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        os.environ["CRM_URL"] = f"sqlite+aiosqlite:///{folder}/crm.db"
        asyncio.run(visit())
