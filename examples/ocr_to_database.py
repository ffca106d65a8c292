"""Every picture and PDF of a folder into PostgreSQL, one row a file.

    python examples/ocr_to_database.py scans/ postgresql://me@localhost/archive --language korean

Run it again at any time: what is stored is left out, what failed is tried again. Needs `pip install asyncpg`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import asyncpg

from deployments.client import AsyncSensorium, ClientError, RejectedRequest

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".pdf")
TABLE = """
    CREATE TABLE IF NOT EXISTS scans (
        path text PRIMARY KEY,
        status text NOT NULL,          -- success or failed
        error text,                    -- why it failed
        text text NOT NULL,            -- lines in reading order
        text_boxes jsonb NOT NULL,     -- each line with its confidence and corners in pixels
        read_at timestamptz NOT NULL DEFAULT now()
    )"""
STORE = """
    INSERT INTO scans (path, status, error, text, text_boxes) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (path) DO UPDATE SET
        status = excluded.status, error = excluded.error, text = excluded.text,
        text_boxes = excluded.text_boxes, read_at = now()"""
ABOUT_THE_FILE = (413, 415, 422)
"""Statuses of a refusal that says something about one file; others, such as a missing key, concern all."""


async def read(file: Path, sensorium: AsyncSensorium, language: str) -> tuple[str, str | None, str, str]:
    """Status, error, text and boxes of one file. Raises: ClientError, nothing of it is about the file."""
    try:
        found = await sensorium.ocr.extract(file, language=language)
    except RejectedRequest as refusal:
        if refusal.status not in ABOUT_THE_FILE:
            raise
        return "failed", refusal.message, "", "[]"
    boxes = json.dumps([asdict(box) for box in found.text_boxes], ensure_ascii=False)
    return "success", None, found.text, boxes


async def store_files(files: Sequence[Path], database_url: str, server_url: str, language: str) -> Counter[str]:
    """Read and store those that are not stored yet; how many of each status they were.

    Raises:
        ExceptionGroup: of ClientError: the server stayed away, or refuses all; what was read until then is stored.
    """
    counts: Counter[str] = Counter()
    turn = asyncio.Semaphore(8)  # calls under way at once: the server reads their pages in common batches
    async with (
        AsyncSensorium(server_url, os.environ.get("SENSORIUM_API_KEY")) as sensorium,
        asyncpg.create_pool(database_url, min_size=1) as database,
    ):
        await database.execute(TABLE)
        stored = {row["path"] for row in await database.fetch("SELECT path FROM scans WHERE status = 'success'")}

        async def store(file: Path) -> None:
            async with turn:
                row = await read(file, sensorium, language)
                await database.execute(STORE, str(file), *row)
                counts[row[0]] += 1

        async with asyncio.TaskGroup() as tasks:
            for file in files:
                if str(file) not in stored:
                    tasks.create_task(store(file))
    return counts


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("database", help="postgresql://user:password@host/name")
    arguments.add_argument("--language", default="korean")
    arguments.add_argument("--url", default=os.environ.get("SENSORIUM_URL", "http://127.0.0.1:8000"))
    given = arguments.parse_args()
    files = [file for file in sorted(given.folder.resolve().rglob("*")) if file.suffix.lower() in SUFFIXES]
    try:
        counts = asyncio.run(store_files(files, given.database, given.url, given.language))
    except* ClientError as failures:
        sys.exit(f"{failures.exceptions[0]}\nThe same command goes on from here.")
    print(f"{counts['success']} stored, {counts['failed']} failed")


if __name__ == "__main__":
    main()
