import asyncio
import importlib.util
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

EXAMPLE = Path(__file__).parents[2] / "examples" / "fastapi_app.py"


@asynccontextmanager
async def client_of(app):
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://crm") as client,
    ):
        yield client


def answers(tmp_path, monkeypatch, ask):
    monkeypatch.setenv("CRM_URL", f"sqlite+aiosqlite:///{tmp_path}/crm.db")
    spec = importlib.util.spec_from_file_location("fastapi_app", EXAMPLE)
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)

    async def main():
        async with client_of(example.app) as client:
            return await ask(client)

    return asyncio.run(main())


def test_the_example_stores_pages_and_keeps_tenants_apart(tmp_path, monkeypatch):
    async def ask(client):
        made = [await client.post("/products", params={"sku": f"A{n:02d}", "name": "Pen"}) for n in range(25)]
        first = (await client.get("/products")).json()
        second = (await client.get("/products", params={"after": first["next"]})).json()
        other = (await client.get("/products", headers={"tenant": "b"})).json()
        found = await client.get(f"/products/{made[0].json()['id']}")
        return (
            [one.status_code for one in made],
            first["items"] + second["items"],
            second["next"],
            other["items"],
            found,
        )

    codes, items, after, other, found = answers(tmp_path, monkeypatch, ask)
    assert set(codes) == {201}
    assert [one["sku"] for one in items] == [f"A{n:02d}" for n in range(25)]
    assert after is None
    assert other == []
    assert found.json()["name"] == "Pen"


def test_the_example_refuses_what_makes_no_sense_without_an_error_of_the_server(tmp_path, monkeypatch):
    async def ask(client):
        await client.post("/products", params={"sku": "A1", "name": "Pen"})
        return [
            await client.get("/products", params={"after": "changed"}),
            await client.get("/products", headers={"tenant": "no tenant"}),
            await client.post("/products", params={"sku": " ", "name": "Pen"}),
            await client.post("/products", params={"sku": "A1", "name": "Pen"}),
            await client.get("/products/01890000-0000-7000-8000-000000000000"),
        ]

    got = answers(tmp_path, monkeypatch, ask)
    assert [one.status_code for one in got] == [422, 422, 422, 409, 404]
    assert "start again at the first page" in got[0].json()["detail"]
    assert "tenant" in got[1].json()["detail"]
