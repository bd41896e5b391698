# syntax=docker/dockerfile:1
# The API, and by another command the control worker: without TensorFlow, NumPy and whatever else
# detects. Build it in the folder above: docker build -f deploy/api.Dockerfile .
ARG PYTHON=3.11

FROM python:${PYTHON}-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PATH=/venv/bin:$PATH
RUN python -m venv /venv
WORKDIR /build
# Libraries change seldom and our code often, so that each is a layer of its own.
COPY LICENSE NOTICE README.md pyproject.toml requirements.txt ./
RUN pip install --constraint requirements.txt setuptools wheel && \
    pip install --constraint requirements.txt --no-build-isolation ".[api]"

FROM build AS code
COPY api api
COPY cli cli
COPY core core
COPY detection detection
COPY postprocessing postprocessing
COPY workers workers
RUN pip wheel --no-deps --no-build-isolation --wheel-dir /wheel .

FROM python:${PYTHON}-slim-bookworm
# tini, as the first process, ends the processes whose parents died. Debian keeps only the newest
# version of a package, so that none can be pinned.
# hadolint ignore=DL3008
RUN apt-get update && \
    apt-get install --yes --no-install-recommends tini && \
    rm -rf /var/lib/apt/lists/* && \
    install --directory --owner=10001 --group=10001 /data
# All that is written goes to /tmp, or where the settings say: the rest may be read-only.
ENV PATH=/venv/bin:$PATH \
    HOME=/tmp \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONSAFEPATH=1 \
    PYTHONUNBUFFERED=1
COPY --from=build /venv /venv
RUN --mount=from=code,source=/wheel,target=/wheel \
    pip install --no-cache-dir --no-deps --force-reinstall /wheel/*.whl
USER 10001:10001
WORKDIR /data
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8080/healthz', timeout=4)"]
ENTRYPOINT ["tini", "--"]
CMD ["python", "-m", "api", "--host", "0.0.0.0", "--port", "8080"]
