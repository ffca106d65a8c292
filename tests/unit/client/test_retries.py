"""Failures that go by are sent again, uploads too; those that stay are raised, with what is known of them."""

from __future__ import annotations

import io
import os
import pickle
import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from deployments.client import (
    ClientError,
    RejectedRequest,
    RetryableError,
    RetryPolicy,
    Sensorium,
    UnexpectedReply,
    container_number,
    embedding,
    ocr,
    speech,
)
from deployments.client.outcomes import retry_after_s
from deployments.launch.haproxy_edge import write_answers
from tests.unit.client.both_clients import HASTY, Kind, send
from tests.unit.client.real_server import free_port
from tests.unit.client.scripted_server import CLOSE, NOT_ROUTED, RESTARTING, ScriptedServer, error, response

VECTOR = response(200, {"embedding": [1.0, 2.0], "dim": 2, "version": "v"})
READ = response(200, {"text_boxes": []})


@pytest.fixture(params=["sync", "async"])
def kind(request: pytest.FixtureRequest) -> Kind:
    chosen: Kind = request.param
    return chosen


def test_connections_closed_without_an_answer_are_sent_again(kind: Kind) -> None:
    with ScriptedServer(CLOSE, CLOSE, VECTOR) as server:
        reply = send(kind, server.url, embedding.embed("hello"))

    assert reply.embedding == (1.0, 2.0)
    assert len(server.seen) == 3
    assert len({seen.headers["x-request-id"] for seen in server.seen}) == 1  # one call, one id in every log


def test_an_answer_that_breaks_off_is_asked_for_again(kind: Kind) -> None:
    with ScriptedServer(VECTOR[:-10], VECTOR) as server:
        assert send(kind, server.url, embedding.embed("hello")).dim == 2
    assert len(server.seen) == 2


def test_haproxys_own_answers_are_retried(kind: Kind, tmp_path: Path) -> None:
    write_answers(tmp_path)
    # 502 and 503 ask to wait for a second; that is another test's
    steps = [
        (tmp_path / f"{status}.http").read_bytes().replace(b"Retry-After: 1", b"X-Was: 1") for status in (502, 503)
    ]
    steps += [(tmp_path / f"{status}.http").read_bytes() for status in (504, 408)]
    with ScriptedServer(*steps, RESTARTING, NOT_ROUTED, VECTOR) as server:
        assert send(kind, server.url, embedding.embed("hello")).dim == 2
    assert len(server.seen) == 7


def test_retry_after_is_waited_out(kind: Kind) -> None:
    with ScriptedServer(error(503, "overloaded", Retry_After="1"), VECTOR) as server:
        began = time.monotonic()
        send(kind, server.url, embedding.embed("hello"))
    assert 1.0 <= time.monotonic() - began < 5


def test_a_longer_retry_after_than_our_patience_is_the_callers(kind: Kind) -> None:
    with ScriptedServer(error(503, "not_ready", Retry_After="3600")) as server, pytest.raises(RetryableError) as raised:
        send(kind, server.url, embedding.embed("hello"))
    assert (raised.value.retry_after_s, raised.value.attempts) == (3600, 1)
    assert len(server.seen) == 1


def test_time_outs_are_sent_again_but_not_for_ever(kind: Kind) -> None:
    with ScriptedServer(VECTOR).then_hang() as server:
        send(kind, server.url, embedding.embed("hello"))
        with pytest.raises(RetryableError) as raised:
            send(kind, server.url, embedding.embed("hello", timeout_s=0.2))
    assert (raised.value.code, raised.value.attempts, raised.value.timed_out) == ("timed_out", 3, True)
    assert len(server.seen) == 4


def test_a_refused_connection_is_tried_until_the_server_is_there(kind: Kind) -> None:
    port = free_port()
    server = ScriptedServer.__new__(ScriptedServer)

    def start_later() -> None:
        time.sleep(0.3)
        server.__init__(VECTOR, port=port)  # type: ignore[misc]
        server.__enter__()

    starting = threading.Thread(target=start_later)
    starting.start()
    patient = RetryPolicy(attempts=200, first_delay_s=0.05, longest_delay_s=0.05)
    try:
        assert send(kind, f"http://127.0.0.1:{port}", embedding.embed("hello"), patient).dim == 2
    finally:
        starting.join()
        server.__exit__(None, None, None)


def test_a_server_that_stays_away_is_a_retryable_error(kind: Kind) -> None:
    with pytest.raises(RetryableError) as raised:
        send(kind, f"http://127.0.0.1:{free_port()}", embedding.embed("hello"))
    failure = raised.value
    assert (failure.code, failure.attempts, failure.status) == ("connection_failed", HASTY.attempts, None)
    assert len(failure.request_id) == 32
    assert f"{HASTY.attempts} attempts" in str(failure)


def test_what_breaks_the_server_is_not_sent_for_ever(kind: Kind) -> None:
    with ScriptedServer(error(500, "engine_failed")) as server, pytest.raises(RetryableError) as raised:
        send(kind, server.url, embedding.embed("hello"))
    assert (raised.value.code, raised.value.attempts, len(server.seen)) == ("engine_failed", 3, 3)


@pytest.mark.parametrize("code", ["backend_missing", "weights_missing"])
def test_what_only_an_installation_mends_is_not_waited_for(kind: Kind, code: str) -> None:
    with ScriptedServer(error(503, code)) as server, pytest.raises(RetryableError) as caught:
        send(kind, server.url, ocr.extract(b"x", language="korean"))
    assert (len(server.seen), caught.value.code, caught.value.attempts) == (1, code, 1)


def test_the_last_failure_is_raised_with_what_the_server_said(kind: Kind) -> None:
    script = (error(500, "internal"), error(500, "engine_failed"))
    with ScriptedServer(*script) as server, pytest.raises(RetryableError) as raised:
        send(kind, server.url, embedding.embed("hello"), RetryPolicy(attempts=2, first_delay_s=0.01))
    failure = raised.value
    assert (failure.code, failure.status, failure.request_id, failure.attempts) == (
        "engine_failed", 500, "from-server", 2,
    )  # fmt: skip
    assert failure.message == "it is engine_failed"
    assert not isinstance(failure, ValueError)


@pytest.mark.parametrize(("status", "code"), [(422, "invalid_input"), (404, "not_found"), (401, "unauthorized")])
def test_refusals_are_value_errors_at_once(kind: Kind, status: int, code: str) -> None:
    with ScriptedServer(error(status, code)) as server, pytest.raises(ValueError, match=f"it is {code}") as raised:
        send(kind, server.url, embedding.embed("hello"))
    assert isinstance(raised.value, RejectedRequest)
    assert (raised.value.code, raised.value.status, raised.value.attempts) == (code, status, 1)
    assert raised.value.request_id == "from-server"
    assert len(server.seen) == 1


def test_another_service_behind_the_address_is_said(kind: Kind) -> None:
    page = ScriptedServer(response(200, "<html>hello</html>"))
    with page as server, pytest.raises(UnexpectedReply, match="Is the base URL right") as raised:
        send(kind, server.url, embedding.embed("hello"))
    assert isinstance(raised.value, ValueError)


def test_a_reply_without_a_field_that_we_need_is_not_taken(kind: Kind) -> None:
    with ScriptedServer(response(200, {"embedding": [1.0]})) as server, pytest.raises(UnexpectedReply, match="dim"):
        send(kind, server.url, embedding.embed("hello"))


def test_uploads_are_rewound_and_sent_whole_each_time(kind: Kind, tmp_path: Path) -> None:
    content = os.urandom(300_000)
    path = tmp_path / "a.png"
    path.write_bytes(content)
    read_already = io.BytesIO(content)
    read_already.read(1000)
    with path.open("rb") as file:
        for image in (path, content, file, read_already, ("b.png", file)):
            with ScriptedServer(CLOSE, RESTARTING, READ) as server:
                send(kind, server.url, ocr.extract(image))
            assert len(server.seen) == 3
            assert all(seen.body.count(content) == 1 for seen in server.seen)
            assert all("content-length" in seen.headers for seen in server.seen)
        assert not file.closed


def test_a_pipe_is_kept_so_that_it_can_be_sent_again(kind: Kind) -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as pipe:
        pipe.write(b"piped sound")
    with os.fdopen(reading, "rb") as pipe:
        call = speech.subtitles(pipe)
    with ScriptedServer(CLOSE, response(200, "1\n")) as server:
        assert send(kind, server.url, call) == "1\n"
    assert [seen.body.count(b"piped sound") for seen in server.seen] == [1, 1]


def test_a_file_that_is_not_there_is_the_callers_own_error(kind: Kind, tmp_path: Path) -> None:
    with ScriptedServer(READ) as server, pytest.raises(FileNotFoundError):
        send(kind, server.url, ocr.extract(tmp_path / "missing.png"))
    assert server.seen == []


def test_a_file_opened_as_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("text")
    with path.open() as file, pytest.raises(ValueError, match="mode 'rb'"):
        ocr.extract(file)  # type: ignore[arg-type]


def test_a_call_that_has_to_be_repeated_keeps_its_chain_id(kind: Kind) -> None:
    with ScriptedServer(CLOSE, READ) as server:
        send(kind, server.url, ocr.extract(private_img="/a.png"))
    first, second = server.seen
    assert first.body == second.body
    assert b'"chain_id"' in first.body


def test_time_outs_are_the_contracts() -> None:
    assert ocr.extract(b"a").timeout_s == 30
    assert ocr.extract_batch([b"a", b"b", b"c"]).timeout_s == 30 + 3 * 10
    assert ocr.extract_batch(private_imgs=["/a", "/b"]).timeout_s == 30 + 2 * 10
    assert container_number.read([b"a", b"b"]).timeout_s == 30 + 2 * 10
    assert embedding.embed("a").timeout_s == embedding.embed_batch(["a"]).timeout_s == 30
    assert speech.transcribe(b"a").timeout_s == speech.subtitles(b"a").timeout_s == 300
    with ocr.extract_batch([b"a", b"b", b"c"]).sendable("id") as request:
        assert request["timeout"].read == request["timeout"].write == 60
        assert request["timeout"].connect == 10


def test_delays_grow_to_a_ceiling_with_equal_jitter() -> None:
    policy = RetryPolicy(first_delay_s=1, longest_delay_s=5)
    for failures, ceiling in ((1, 1), (2, 2), (3, 4), (4, 5), (5000, 5)):
        draws = [policy.delay_s(failures, None) for _ in range(300)]
        assert 0.5 * ceiling <= min(draws) < 0.55 * ceiling
        assert 0.95 * ceiling < max(draws) <= ceiling
    assert 7.5 <= policy.delay_s(1, 7) <= 8


@pytest.mark.parametrize("bad", [{"attempts": 0}, {"first_delay_s": -1}, {"longest_delay_s": float("nan")}])
def test_policies_without_sense_are_refused(bad: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=next(iter(bad))):
        RetryPolicy(**bad)


def test_retry_after_in_both_forms() -> None:
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    assert retry_after_s("7") == 7
    assert 25 < (retry_after_s(soon) or 0) <= 30
    assert retry_after_s("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    assert retry_after_s("Wed, 21 Oct 2015 07:28:00 -0000") == 0
    assert retry_after_s("soon") is retry_after_s(None) is retry_after_s("-3") is None


def test_errors_cross_processes() -> None:
    failure = RetryableError("busy", code="overloaded", status=503, request_id="r", attempts=3, retry_after_s=2.0)
    copy = pickle.loads(pickle.dumps(failure))
    assert type(copy) is RetryableError
    assert vars(copy) == vars(failure)
    assert str(copy) == "busy (overloaded, status 503, request r, 3 attempts)"
    assert issubclass(RetryableError, ClientError)


@pytest.mark.parametrize("url", ["localhost:8000", "ftp://host", "http://", "http://[::1"])
def test_addresses_that_cannot_be_used_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match="base URL"):
        Sensorium(url)


@pytest.mark.parametrize("key", ["", "two words", "line\nbreak", "열쇠"])
def test_keys_that_no_header_can_carry_are_refused(key: str) -> None:
    with pytest.raises(ValueError, match="API key"):
        Sensorium("http://host", key)


def test_the_default_patience_covers_a_restart() -> None:
    """`sensorium stop` and `sensorium serve` took 45 s on two busy cores (tests/serve/test_client_outage.py)."""
    policy = RetryPolicy()
    waits = [sum(policy.delay_s(failure, None) for failure in range(1, policy.attempts)) for _ in range(200)]
    assert 60 < min(waits) < max(waits) < 130
