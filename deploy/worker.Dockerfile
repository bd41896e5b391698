# syntax=docker/dockerfile:1
# A detection worker: target `cpu`, or `gpu` with CUDA. Build it in the folder above:
# docker build -f deploy/worker.Dockerfile --target gpu .
# No weights are in it: /models is where they are mounted, or fetched to.
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
    pip install --constraint requirements.txt --no-build-isolation ".[worker]"

FROM build AS build-gpu
COPY deploy/requirements-gpu.txt ./
RUN pip uninstall --yes tensorflow-cpu && \
    pip install --constraint requirements.txt --requirement requirements-gpu.txt

FROM build AS code
COPY api api
COPY cli cli
COPY core core
COPY detection detection
COPY postprocessing postprocessing
COPY workers workers
RUN pip wheel --no-deps --no-build-isolation --wheel-dir /wheel .

FROM python:${PYTHON}-slim-bookworm AS runtime
# tini, as the first process, ends the processes whose parents died. Debian keeps only the newest
# version of a package, so that none can be pinned.
# hadolint ignore=DL3008
RUN apt-get update && \
    apt-get install --yes --no-install-recommends tini && \
    rm -rf /var/lib/apt/lists/* && \
    install --directory --owner=10001 --group=10001 /data /models
# All that is written goes to /tmp, or where the settings say: the rest may be read-only.
ENV PATH=/venv/bin:$PATH \
    HOME=/tmp \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONSAFEPATH=1 \
    PYTHONUNBUFFERED=1 \
    MEGABATCH_MODEL_FOLDER=/models
WORKDIR /data
HEALTHCHECK --interval=30s --timeout=20s --start-period=120s CMD ["python", "-m", "workers", "check"]
ENTRYPOINT ["tini", "--"]
CMD ["python", "-m", "workers", "detection", "--model", "megadetector-v3"]

FROM runtime AS gpu
COPY --from=build-gpu /venv /venv
RUN --mount=from=code,source=/wheel,target=/wheel \
    pip install --no-cache-dir --no-deps --force-reinstall /wheel/*.whl
USER 10001:10001

FROM runtime AS cpu
COPY --from=build /venv /venv
RUN --mount=from=code,source=/wheel,target=/wheel \
    pip install --no-cache-dir --no-deps --force-reinstall /wheel/*.whl
USER 10001:10001
