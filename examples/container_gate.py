"""A gate: every picture that a camera puts into a folder becomes a line of a CSV file.

    python examples/container_gate.py camera/ gate.csv

Pictures with a certain number go to camera/read/, all others to camera/review/, where a person looks at them. What the
program was doing when it is killed, it does again at the next start.
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from deployments.client import RejectedRequest, RetryableError, Sensorium
from deployments.client.container_number import ContainerNumber, ImageNumbers

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp")
STILL_WRITING_S = 1.0
"""A file younger than this may not be whole yet."""
COLUMNS = ("time", "picture", "number", "check_digit", "valid", "size_type", "confidence", "review")


def waiting(folder: Path) -> list[Path]:
    """Pictures that are whole, oldest first."""
    now = time.time()
    found = [(file.stat().st_mtime, file) for file in folder.iterdir() if file.suffix.lower() in SUFFIXES]
    return [file for written, file in sorted(found) if now - written >= STILL_WRITING_S]


def review_reason(number: ContainerNumber) -> str:
    """Why a person has to look; empty where the check digit fits and all readers agree."""
    return (" ".join(number.review_reasons) or "uncertain") if number.needs_review else ""


def lines(moment: str, name: str, picture: ImageNumbers) -> list[tuple[object, ...]]:
    """A line per number, or one that says why there is none."""
    if not picture.numbers:
        return [(moment, name, "", "", "", "", "", picture.error or "no number found")]
    return [
        (moment, name, n.number, n.check_digit, n.valid, n.size_type, f"{n.confidence:.2f}", review_reason(n))
        for n in picture.numbers
    ]


def read_waiting(folder: Path, table: Path, sensorium: Sensorium) -> int:
    """Read what waits, write it down, move it; how many pictures.

    Raises:
        RetryableError: the server stayed away; the pictures wait on.
    """
    pictures = waiting(folder)
    for file in pictures:
        [result] = sensorium.container_number.read([file]).results
        now = datetime.now(UTC)
        name = f"{now:%Y%m%dT%H%M%S.%f}_{file.name}"  # a camera may use a name again
        rows = lines(now.isoformat(timespec="seconds"), name, result)
        is_new = not table.exists()
        with table.open("a", encoding="utf-8", newline="") as output:
            writer = csv.writer(output)
            writer.writerows([COLUMNS, *rows] if is_new else rows)
        goal = folder / ("review" if any(row[-1] for row in rows) else "read")
        goal.mkdir(exist_ok=True)
        file.replace(goal / name)
        print(*(f"{file.name}: {row[2] or '-'} {row[-1]}".rstrip() for row in rows), sep="\n", flush=True)
    return len(pictures)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("table", type=Path)
    arguments.add_argument("--every", type=float, default=1.0, metavar="SECONDS")
    arguments.add_argument("--once", action="store_true", help="end when nothing waits")
    arguments.add_argument("--url", default=os.environ.get("SENSORIUM_URL", "http://127.0.0.1:8000"))
    given = arguments.parse_args()
    with Sensorium(given.url, os.environ.get("SENSORIUM_API_KEY")) as sensorium:
        while True:
            try:
                count = read_waiting(given.folder, given.table, sensorium)
            except RetryableError as failure:
                if given.once:
                    sys.exit(str(failure))
                print(f"waiting for the server: {failure}", file=sys.stderr, flush=True)
                count = 0
            except (RejectedRequest, OSError) as error:
                sys.exit(str(error))
            if given.once and not count:
                return
            if not count:
                time.sleep(given.every)


if __name__ == "__main__":
    main()
