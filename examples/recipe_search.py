"""Recipes by meaning: PostgreSQL with pgvector finds the nearest to a sentence.

    python examples/recipe_search.py postgresql://me@localhost/kitchen "something hot for a cold evening"

Needs `pip install asyncpg`, and the extension `vector` on the database server (Debian: postgresql-16-pgvector).
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import os
from collections.abc import Sequence
from pathlib import Path

import asyncpg

from deployments.client import AsyncSensorium

RECIPES = Path(__file__).with_name("recipes.csv")
# Vectors of two models must never be compared, so each stands beside the version that made it. The search is exact;
# from about 100,000 rows on, fix the length (`vector(384)`) and add an HNSW index.
TABLE = """
    CREATE EXTENSION IF NOT EXISTS vector;
    CREATE TABLE IF NOT EXISTS recipes (
        name text, version text, description text NOT NULL, embedding vector NOT NULL, PRIMARY KEY (name, version)
    )"""
STORE = "INSERT INTO recipes VALUES ($1, $2, $3, $4::text::vector) ON CONFLICT DO NOTHING"
NEAREST = """
    SELECT name, 1 - (embedding <=> $1::text::vector) AS similarity FROM recipes WHERE version = $2
    ORDER BY embedding <=> $1::text::vector LIMIT $3"""


async def load(recipes: Sequence[tuple[str, str]], database: asyncpg.Connection, sensorium: AsyncSensorium) -> int:
    """Embed and store the recipes (name, description) that are not there yet; how many they were."""
    await database.execute(TABLE)
    version = (await sensorium.embedding.model_info()).version
    known = {row["name"] for row in await database.fetch("SELECT name FROM recipes WHERE version = $1", version)}
    new = [(name, description) for name, description in recipes if name not in known]
    vectors = [vector async for vector in sensorium.embedding.embed_all([f"{name}: {text}" for name, text in new])]
    rows = [(name, version, text, str(list(vector))) for (name, text), vector in zip(new, vectors, strict=True)]
    await database.executemany(STORE, rows)
    return len(rows)


async def search(
    wish: str, database: asyncpg.Connection, sensorium: AsyncSensorium, count: int
) -> list[tuple[str, float]]:
    """The nearest recipes, best first: (name, cosine similarity -1..1)."""
    asked = await sensorium.embedding.embed(wish)
    rows = await database.fetch(NEAREST, str(list(asked.embedding)), asked.version, count)
    return [(row["name"], row["similarity"]) for row in rows]


async def run(database_url: str, wish: str, url: str, count: int) -> None:
    with RECIPES.open(encoding="utf-8", newline="") as file:
        recipes = [(row["name"], row["description"]) for row in csv.DictReader(file)]
    database = await asyncpg.connect(database_url)
    try:
        async with AsyncSensorium(url, os.environ.get("SENSORIUM_API_KEY")) as sensorium:
            print(f"{await load(recipes, database, sensorium)} new recipes")
            for name, similarity in await search(wish, database, sensorium, count):
                print(f"{similarity:.2f}  {name}")
    finally:
        await database.close()


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("database", help="postgresql://user:password@host/name")
    arguments.add_argument("wish", help="what you would like to eat")
    arguments.add_argument("--count", type=int, default=3)
    arguments.add_argument("--url", default=os.environ.get("SENSORIUM_URL", "http://127.0.0.1:8000"))
    given = arguments.parse_args()
    asyncio.run(run(given.database, given.wish, given.url, given.count))


if __name__ == "__main__":
    main()
