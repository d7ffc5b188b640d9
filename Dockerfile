# One image for every role: `worker`, `scheduler`, `db upgrade`, or any other command of fakesweep.
FROM python:3.11-slim AS build

ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/fakesweep
ENV PATH=/opt/fakesweep/bin:$PATH
WORKDIR /build

# Before the code, so that a change of the code does not install everything again.
COPY requirements.lock ./
RUN python -m pip install --require-hashes --only-binary :all: --requirement requirements.lock

COPY . ./
# The face detector becomes part of the installed package.
RUN ./scripts/fetch_weights \
    && python -m pip install --no-deps --no-build-isolation .

FROM python:3.11-slim

COPY --from=build /opt/fakesweep /opt/fakesweep
RUN useradd --system --uid 10001 --create-home --home-dir /var/lib/fakesweep fakesweep
ENV PATH=/opt/fakesweep/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    FAKESWEEP_HOME=/var/lib/fakesweep
# By number, so that an orchestrator can see that it is not root.
USER 10001
WORKDIR /var/lib/fakesweep

# Whatever the container runs: a worker, a scheduler and a server must be alive, any other command is. A database or broker
# that is away is no fault of theirs, and a new container would not bring it back.
HEALTHCHECK --interval=30s --timeout=20s --start-period=60s --retries=3 CMD ["fakesweep", "health", "--live"]

ENTRYPOINT ["fakesweep"]
CMD ["--help"]
