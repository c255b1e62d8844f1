# syntax=docker/dockerfile:1
# One image for the gateway (`serve`, the default) and the loaders (`load`).

FROM python:3.13-slim-trixie AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_NO_INPUT=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src

# The locks first: they change seldom, so these layers are kept from build to build.
COPY requirements/build.txt requirements/runtime.txt requirements/
RUN python -m venv /opt/build \
    && /opt/build/bin/pip install --require-hashes --no-deps -r requirements/build.txt \
    && python -m venv /opt/stockspan \
    && /opt/stockspan/bin/pip install --require-hashes --no-deps -r requirements/runtime.txt

COPY pyproject.toml README.md LICENSE ./
COPY gateway gateway
COPY loaders loaders
COPY stockspan stockspan
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /dist . \
    && /opt/stockspan/bin/pip install --no-deps --no-index /dist/*.whl \
    && /opt/stockspan/bin/pip uninstall --yes pip


FROM python:3.13-slim-trixie
LABEL org.opencontainers.image.title="Stockspan" \
      org.opencontainers.image.licenses="MIT"

# A fixed number, so that a volume's owner can be set from outside. The settings file is empty:
# everything can be set by environment too, or a file be mounted in its place.
RUN groupadd --gid 10001 stockspan \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/stockspan \
        --shell /usr/sbin/nologin stockspan \
    && install --directory --owner=10001 --group=10001 --mode=0750 /var/lib/stockspan \
    && install --directory /etc/stockspan \
    && touch /etc/stockspan/stockspan.toml
COPY --from=build /opt/stockspan /opt/stockspan

# Inside a container the address is fixed; where it is reached from outside is the engine's matter.
ENV PATH=/opt/stockspan/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    STOCKSPAN_CONFIG=/etc/stockspan/stockspan.toml \
    STOCKSPAN_GATEWAY__HOST=0.0.0.0 \
    STOCKSPAN_GATEWAY__PORT=8080 \
    STOCKSPAN_LOADERS__SPOOL_DIR=/var/lib/stockspan
USER 10001:10001
WORKDIR /var/lib/stockspan
EXPOSE 8080

# Alive, not ready: a gateway that waits for its first stock is no reason to restart it.
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
    CMD ["python", "-c", "from http.client import HTTPConnection as C; c = C('127.0.0.1', 8080, timeout=2); c.request('GET', '/livez'); raise SystemExit(c.getresponse().status != 200)"]

ENTRYPOINT ["stockspan"]
CMD ["serve"]
