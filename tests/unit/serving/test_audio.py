"""Recordings of any container and rate become 16 kHz mono; everything else is a typed error, before it costs much."""

from __future__ import annotations

import io
import struct
import time
import tracemalloc
from pathlib import Path

import av
import numpy as np
import pytest

from deployments.serving.audio import SAMPLE_RATE, AudioPolicy, Samples, load_audio
from deployments.serving.errors import AccessDenied, InputTooLarge, InvalidInput, NotFound, UnsupportedMedia
from deployments.serving.media import InlineMedia, StoredMedia
from tests.unit.speech.sounds import encode, pitch, silent_video, tone, wav


def load(data: bytes, name: str = "a.wav", **limits: float) -> Samples:
    return load_audio(InlineMedia(data, name), AudioPolicy(**limits))  # type: ignore[arg-type]


@pytest.mark.parametrize("container", ["wav", "mp3", "mp4", "flac", "ogg", "webm"])
def test_every_promised_container(container: str) -> None:
    samples = load(encode(container, tone(1.0, 48_000), 48_000, channels=2))
    assert samples.dtype == np.float32
    assert samples.ndim == 1
    assert len(samples) == pytest.approx(SAMPLE_RATE, abs=0.06 * SAMPLE_RATE)  # encoders pad
    assert pitch(samples) == pytest.approx(440, abs=2)
    assert np.abs(samples[4000:12000]).max() == pytest.approx(0.5, abs=0.08)


@pytest.mark.parametrize(
    ("rate", "channels"), [(8_000, 1), (11_025, 1), (16_000, 1), (44_100, 2), (48_000, 6), (96_000, 2)]
)
def test_any_rate_and_channels(rate: int, channels: int) -> None:
    samples = load(encode("wav", tone(2.0, rate, 1000.0), rate, channels))
    assert len(samples) == pytest.approx(2 * SAMPLE_RATE, abs=40)
    assert pitch(samples) == pytest.approx(1000, abs=1)


def test_equal_samples_to_the_library_that_whisper_clients_use() -> None:
    from faster_whisper.audio import decode_audio

    data = encode("mp3", tone(1.5, 44_100), 44_100, 2)
    np.testing.assert_array_equal(load(data), decode_audio(io.BytesIO(data)))


def test_name_and_content_may_disagree() -> None:
    assert len(load(encode("flac", tone(0.5, 16_000), 16_000), "speech.mp3")) == 8000


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (b"This is no recording at all.\n" * 50, "is a text"),
        ("한국어 텍스트\n".encode() * 50, "is a text"),
        (b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n", "is a text"),
        (b"ffconcat version 1.0\nfile /etc/passwd\n", "is a text"),
        (np.random.default_rng(1).bytes(5000), "not a recording"),
        (wav(tone(1, 16_000))[:30], "not a recording"),
        (b"\xff\xd8\xff\xe0" + bytes(500), "not a recording"),
        (encode("mp4", tone(1, 16_000), 16_000)[:2000], "header is damaged"),
    ],
)
def test_what_is_not_a_recording(data: bytes, named: str) -> None:
    with pytest.raises(UnsupportedMedia, match=named):
        load(data, "note.wav")


@pytest.mark.parametrize("container", ["wav", "mp3", "mp4", "flac", "ogg", "webm"])
def test_damaged_files_decode_or_are_refused(container: str) -> None:
    """Bytes flipped anywhere, ends cut off: never anything but samples or a typed error, and quickly."""
    whole = encode(container, tone(0.5, 48_000), 48_000)
    random = np.random.default_rng(7)
    for _ in range(25):
        damaged = bytearray(whole)
        for place in random.integers(0, len(whole), random.integers(1, 20)):
            damaged[place] = random.integers(256)
        if random.random() < 0.3:
            del damaged[random.integers(1, len(whole)) :]
        try:
            samples = load(bytes(damaged), max_duration_s=30)
        except (InvalidInput, UnsupportedMedia, InputTooLarge):
            continue
        assert np.isfinite(samples).all()
        assert np.abs(samples).max(initial=0) <= 1


def test_no_bytes() -> None:
    with pytest.raises(InvalidInput, match="0 bytes"):
        load(b"")


def test_no_samples() -> None:
    with pytest.raises(InvalidInput, match="length is zero"):
        load(wav(np.zeros(0, np.float32)))


def test_video_without_sound() -> None:
    with pytest.raises(UnsupportedMedia, match="holds no sound, only video") as raised:
        load(silent_video(), "film.mp4")
    assert raised.value.details["streams"] == ["video"]


def test_truncated_mp3_gives_what_is_there() -> None:
    whole = encode("mp3", tone(4.0, 44_100), 44_100)
    samples = load(whole[: len(whole) // 2])
    assert len(samples) / SAMPLE_RATE == pytest.approx(2.0, abs=0.2)
    assert pitch(samples) == pytest.approx(440, abs=2)


def test_damage_in_the_middle_is_left_out() -> None:
    whole = bytearray(encode("mp3", tone(4.0, 44_100), 44_100))
    whole[len(whole) // 2 : len(whole) // 2 + 700] = bytes(700)
    assert 3.4 < len(load(bytes(whole))) / SAMPLE_RATE <= 4.2


def test_truncated_wav_gives_what_is_there() -> None:
    assert len(load(wav(tone(2.0, 16_000))[: 44 + 16_000])) == 8000


def test_wav_of_a_pipe_states_no_length() -> None:
    data = bytearray(wav(tone(1.0, 16_000)))
    data[4:8] = data[40:44] = b"\xff\xff\xff\xff"
    assert len(load(bytes(data), max_duration_s=5)) == 16_000


def test_too_many_bytes() -> None:
    with pytest.raises(InputTooLarge) as raised:
        load(wav(tone(1, 16_000)), max_bytes=1000)
    assert raised.value.details["limit"] == 1000


def test_three_hours_are_refused_by_the_containers_word_alone() -> None:
    # 3 hours of silence in FLAC are 2 MB; decoding them would take seconds and 690 MB.
    hours = _silent_flac(3 * 3600)
    assert len(hours) < 4e6
    tracemalloc.start()
    began = time.perf_counter()
    with pytest.raises(InputTooLarge) as raised:
        load(hours)
    assert time.perf_counter() - began < 1
    assert tracemalloc.get_traced_memory()[1] < 20e6
    tracemalloc.stop()
    assert raised.value.details == {"limit": 3600.0, "unit": "seconds", "actual": pytest.approx(10800, abs=1)}


def test_decoding_stops_where_the_container_lied() -> None:
    data = bytearray(_silent_flac(20))
    place = data.index(b"fLaC") + 4 + 4 + 10  # STREAMINFO: 20 bits rate, 3 channels, 5 depth, 36 samples
    fields = struct.unpack(">Q", data[place : place + 8])[0]
    data[place : place + 8] = struct.pack(">Q", (fields >> 36) << 36 | 16_000)
    with pytest.raises(InputTooLarge, match="longer; the limit is 5 s"):
        load(bytes(data), max_duration_s=5)


def test_just_below_the_limit_is_taken() -> None:
    assert len(load(wav(tone(2.0, 16_000)), max_duration_s=2.0)) == 32_000


def test_server_paths(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(wav(tone(0.5, 16_000)))
    (tmp_path / "empty.wav").touch()
    inside = AudioPolicy(media_roots=(str(tmp_path),))
    assert len(load_audio(StoredMedia(str(tmp_path / "a.wav")), inside)) == 8000
    with pytest.raises(InvalidInput, match="0 bytes") as raised:
        load_audio(StoredMedia(str(tmp_path / "empty.wav")), inside)
    assert raised.value.details["field"] == "path"
    with pytest.raises(NotFound):
        load_audio(StoredMedia(str(tmp_path / "b.wav")), inside)
    with pytest.raises(AccessDenied):
        load_audio(StoredMedia("/etc/passwd"), inside)
    with pytest.raises(AccessDenied):
        load_audio(StoredMedia(str(tmp_path / "a.wav")), AudioPolicy())
    with pytest.raises(InputTooLarge):
        load_audio(StoredMedia(str(tmp_path / "a.wav")), AudioPolicy(media_roots=(str(tmp_path),), max_bytes=100))


def test_roots_of_the_environment() -> None:
    policy = AudioPolicy(media_roots=("/a",), max_duration_s=9).with_environment({"SENSORIUM_MEDIA_ROOTS": "/b,s3://c"})
    assert policy == AudioPolicy(media_roots=("/a", "/b", "s3://c"), max_duration_s=9)


def _silent_flac(seconds: int) -> bytes:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="flac") as output:
        stream = output.add_stream("flac", rate=16_000, layout="mono")
        silence = np.zeros((1, 16_000 * 20), np.int16)
        for _ in range(seconds // 20):
            frame = av.AudioFrame.from_ndarray(silence, format="s16", layout="mono")
            frame.sample_rate = 16_000
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return buffer.getvalue()
