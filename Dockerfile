# hr_sync with its locked libraries, for `serve` or for one command. Nothing in it needs to be written to: it runs with a
# read-only root and without capabilities. The embedded PostgreSQL is not part of it; set HR_SYNC_DATABASE__URL_FILE.
# For text.attachments add what reads documents: --build-arg LOCK=requirements-documents.lock. For workers of a task queue:
# --build-arg LOCK=requirements-scale.lock (docs/scaling.md has the command).
# For a build that can be repeated, name the base by its digest: --build-arg PYTHON_IMAGE=python@sha256:... (SECURITY.md).
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
COPY requirements-build.lock requirements.lock requirements-documents.lock requirements-scale.lock ./
ARG LOCK=requirements.lock
RUN python -m venv /opt/build \
    && /opt/build/bin/pip install --require-hashes --requirement requirements-build.lock \
    && python -m venv --without-pip /opt/hr_sync \
    && /opt/build/bin/pip --python /opt/hr_sync install --require-hashes --requirement "$LOCK"
COPY pyproject.toml README.md LICENSE ./
COPY hr_sync ./hr_sync
RUN /opt/build/bin/hatchling build --target wheel --directory /tmp/wheel \
    && /opt/build/bin/pip --python /opt/hr_sync install --no-deps --no-index /tmp/wheel/*.whl

FROM ${PYTHON_IMAGE}
LABEL org.opencontainers.image.title="hr-sync" \
    org.opencontainers.image.description="Mirrors Confluence spaces into PostgreSQL" \
    org.opencontainers.image.licenses="MIT"
RUN groupadd --gid 10001 hr_sync \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin hr_sync
# Same path as in the build stage: the programs of a virtual environment name it.
COPY --from=build /opt/hr_sync /opt/hr_sync
COPY --chmod=0555 entrypoint.sh /usr/local/bin/entrypoint.sh
COPY config.example.toml /etc/hr_sync/config.example.toml
# Bytecode was compiled at build; at run time there is nowhere to put it.
ENV PATH=/opt/hr_sync/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 10001:10001
WORKDIR /tmp
STOPSIGNAL SIGTERM
# Unhealthy while something is wrong or removals are held. Has no meaning for `run` and other commands that end.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-m", "hr_sync.service.healthcheck"]
# Exec form, and the script ends in `exec`: hr-sync is process 1 and gets the signal itself.
ENTRYPOINT ["/usr/local/bin/entrypoint.sh"]
CMD ["serve"]
