"""Where a bulk job writes, and how it resumes.

The destination is a folder on a local or shared file system::

    job.json                   which job's rows these are
    job.lock                   held while a run writes
    rows/part-000000.parquet   finished parts (or .jsonl); a part is complete as soon as it has its name
    summary.json               of the last run

`rows` holds nothing else, so that pandas, DuckDB or Spark read it as one data set.

A part is written under another name, synced, then renamed, so that a kill at any moment leaves whole parts only. The
ids in the finished parts are the manifest: what is not among them is still to do.
"""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any, Literal

from deployments.serving.bulk_parts import UNFINISHED, WriteFailed, read_part, save, sync, write_part
from deployments.serving.errors import AccessDenied, InvalidInput

Format = Literal["parquet", "jsonl"]
Mode = Literal["same-job", "resume", "overwrite"]
_JOB, _LOCK, _SUMMARY = "job.json", "job.lock", "summary.json"


class Destination:
    """Open it before writing; one run at a time.

    Args:
        folder: made if it is not there.
        schema: Arrow schema of the rows.
        job: what the rows depend on (`service`, `source`, `fingerprint`, `options`); kept in `job.json`.
        mode: for a folder that holds rows already. `same-job` goes on only where the job is the same one; `resume` also
            from another source; `overwrite` removes the other job's parts.

    Raises:
        InvalidInput: it holds another job's data or foreign files, or another run is writing to it.
        AccessDenied, WriteFailed: it cannot be made or written.
    """

    def __init__(
        self, folder: Path, schema: Any, job: Mapping[str, Any], *, form: Format = "parquet", mode: Mode = "same-job"
    ) -> None:
        self.folder = folder
        self._rows = folder / "rows"
        self._schema = schema
        self._job = json.loads(json.dumps({**job, "format": form}))
        self._form = form
        if folder.exists() and not folder.is_dir():
            raise InvalidInput(f"{folder} is a file; DESTINATION is a folder")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._check_foreign()
            self._lock = self._locked()
            self._rows.mkdir(exist_ok=True)
        except (PermissionError, NotADirectoryError) as error:
            raise AccessDenied(f"{folder} cannot be written: {error.strerror}", path=str(folder)) from error
        except OSError as error:
            raise WriteFailed(f"{folder} cannot be written: {error.strerror}") from error
        try:
            self._adopt(mode)
        except BaseException:
            self._lock.close()
            raise
        for unfinished in folder.rglob(f"{UNFINISHED}*"):
            unfinished.unlink()
        self._next = 1 + max((int(part.stem.removeprefix("part-")) for part in self.parts()), default=-1)

    def parts(self) -> list[Path]:
        """Finished ones, in order."""
        return sorted(self._rows.glob(f"part-*.{self._form}"))

    def statuses(self) -> Iterator[tuple[str, str]]:
        """(input id, status) of every finished row."""
        for part in self.parts():
            rows = read_part(part, self._schema, columns=["input_id", "status"])
            yield from zip(rows.column("input_id").to_pylist(), rows.column("status").to_pylist(), strict=True)

    def drop_failed(self) -> int:
        """Remove failed rows, so that they are done again; how many.

        After a kill in between, the next run does those that are gone.
        """
        import pyarrow.compute

        dropped = 0
        for part in self.parts():
            rows = read_part(part, self._schema)
            good = rows.filter(pyarrow.compute.equal(rows.column("status"), "success"))
            dropped += rows.num_rows - good.num_rows
            if not good.num_rows:
                part.unlink()
            elif good.num_rows < rows.num_rows:
                self._write(part, good)
        sync(self._rows)
        return dropped

    def write(self, rows: Any) -> Path:
        """An Arrow table as one more part; it is on disk when this returns.

        Raises:
            WriteFailed: the disk is full or does not answer. Parts that are there stay whole.
        """
        part = self._rows / f"part-{self._next:06d}.{self._form}"
        self._write(part, rows)
        self._next += 1
        return part

    def record_model(self, model: Mapping[str, Any]) -> None:
        """Note which model answers.

        Raises:
            InvalidInput: the rows that are here are another model's; results of two models must not mix.
        """
        recorded = self._job.get("answered_by")
        if recorded and recorded != dict(model) and self.parts():
            raise InvalidInput(
                f"the rows in {self.folder} are of {recorded}, this run would answer with {dict(model)}; "
                "name another DESTINATION, or --overwrite"
            )
        self._job["answered_by"] = dict(model)
        self._replace(_JOB, self._job)

    def write_summary(self, summary: Mapping[str, Any]) -> None:
        self._replace(_SUMMARY, summary)

    def close(self) -> None:
        self._lock.close()

    def _check_foreign(self) -> None:
        if not (self.folder / _JOB).exists():
            foreign = sorted(
                path.name
                for path in self.folder.iterdir()
                if path.name != _LOCK
                and not path.name.startswith(UNFINISHED)
                and not (path.name == "rows" and not any(path.iterdir()))
            )
            if foreign:
                raise InvalidInput(
                    f"{self.folder} holds files that are no bulk job's ({foreign[0]}, ...); name a new or empty folder"
                )

    def _locked(self) -> IO[str]:
        lock = (self.folder / _LOCK).open("a")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.close()
            raise InvalidInput(f"another run is writing to {self.folder}; wait for it or stop it") from error
        return lock

    def _adopt(self, mode: Mode) -> None:
        file = self.folder / _JOB
        if not file.exists():
            self._replace(_JOB, self._job)
            return
        try:
            present: dict[str, Any] = json.loads(file.read_text())
        except ValueError as error:
            raise InvalidInput(f"{file} is damaged ({error}); name another DESTINATION") from error
        if mode == "overwrite":
            for part in [*self._rows.glob("part-*.parquet"), *self._rows.glob("part-*.jsonl")]:
                part.unlink()
            (self.folder / _SUMMARY).unlink(missing_ok=True)
            self._replace(_JOB, self._job)
            return
        differing = [key for key in sorted(self._job) if present.get(key) != self._job[key]]
        if differing in (["source"], ["fingerprint", "source"]) and mode == "resume":
            differing = []
        if differing:
            may_resume = " or --resume to add to them" if differing in (["source"], ["fingerprint", "source"]) else ""
            raise InvalidInput(
                f"{self.folder} holds rows of another job (other {', '.join(differing)}); name another DESTINATION, "
                f"--overwrite to remove those rows{may_resume}",
                differing=differing,
            )
        self._job = {**present, **self._job}

    def _write(self, part: Path, rows: Any) -> None:
        save(part, lambda stream: write_part(stream, rows.cast(self._schema), part.suffix))

    def _replace(self, name: str, content: Mapping[str, Any]) -> None:
        text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
        save(self.folder / name, lambda stream: stream.write(text.encode()))
