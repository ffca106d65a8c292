# syntax=docker/dockerfile:1
# One image for every node and profile.  docker build -t sensorium .    With CUDA: --build-arg SENSORIUM_TORCH=cuda
# There was no container engine where this was written: it was never built. tests/unit/launch/test_docker.py checks what can
# be checked without one, and docs/operating.md says what was tried of its steps.

# Pin it by digest for a build that never changes: PYTHON_IMAGE=python:3.11-slim-bookworm@sha256:...
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

# ---- packages: the lock, into a virtual environment ------------------------------------------------------------------
FROM ${PYTHON_IMAGE} AS build
ARG SENSORIUM_TORCH=cpu
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONDONTWRITEBYTECODE=1
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
WORKDIR /opt/sensorium

RUN python -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH

# As deployments/launch/install.py does it: torch's build first, then the whole lock, nothing resolved anew.
RUN --mount=type=cache,target=/root/.cache/pip \
    if [ "$SENSORIUM_TORCH" = cuda ]; then pip install torch==2.13.0; \
    else pip install --no-deps torch==2.13.0+cpu --index-url https://download.pytorch.org/whl/cpu; fi
COPY requirements.lock ./
RUN --mount=type=cache,target=/root/.cache/pip pip install --no-deps -r requirements.lock
# The same module for GPUs, as in cluster.yaml.
RUN --mount=type=cache,target=/root/.cache/pip \
    if [ "$SENSORIUM_TORCH" = cuda ]; then pip uninstall -y onnxruntime; pip install --no-deps onnxruntime-gpu==1.31.1; fi

COPY pyproject.toml README.md LICENSE ./
COPY deployments deployments
COPY training training
RUN pip install --no-deps --no-build-isolation -e . && python -m compileall -q deployments training

# ---- what runs -------------------------------------------------------------------------------------------------------
FROM ${PYTHON_IMAGE}
# tini: process 1 that passes signals on and buries orphans, of which Ray leaves some. tesseract-ocr-kor: Korean without a
# hub. wget: KubeRay's probes run it.
RUN apt-get update \
    && apt-get install -y --no-install-recommends tini tesseract-ocr tesseract-ocr-kor wget \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 sensorium \
    && useradd --uid 10001 --gid 10001 --create-home --home-dir /var/lib/sensorium --shell /usr/sbin/nologin sensorium \
    && install -d -o sensorium -g sensorium /models

# Owned by root: what runs cannot change its own program.
COPY --from=build /opt/venv /opt/venv
COPY --from=build /opt/sensorium /opt/sensorium
COPY ray_configs /opt/sensorium/ray_configs
COPY samples /opt/sensorium/samples

# State (SQLite, adapters, history) and Ray's token below /var/lib/sensorium; the hub's weights below /models.
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/var/lib/sensorium \
    SENSORIUM_HOME=/var/lib/sensorium \
    HF_HOME=/models/huggingface
USER 10001:10001
WORKDIR /opt/sensorium
VOLUME ["/var/lib/sensorium", "/models"]
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=10s --start-period=300s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/readyz', timeout=8)"]
ENTRYPOINT ["tini", "--", "sensorium"]
CMD ["serve", "--foreground", "--host", "0.0.0.0", "--config", "ray_configs/embedded.yaml"]
