# Three images, each a target: server, steps and airflow. docs/images.md says how to build, run and sign them off.
# The legacy builder makes every stage above its target too, so the smallest comes first.

# SHA-256 of config/images/*.lock: what was looked at and may be installed. A build from another lock fails.
ARG BUILD_LOCK=4c93afc69adc353f57e47e6ce48d752547f31945d8a977dd27b14fc5739be4d6
ARG SERVER_LOCK=42cf7798e561ceaf030df604a52f8a48f81c419463ea7ae209f4fe3c0767b19f
ARG STEPS_LOCK=5b4c6d414b67eea8e11f14c182a84b2077054a103f7336baabb4f3659e971c66
ARG AIRFLOW_LOCK=b2031203504b85847c15f9d4862e6d47e2ce2a4668b907700c3c9456c03ea8a6
ARG EXAMPLE_LOCK=1d7798d5d075b04c989468b51a629c934eddfba0d54f92c8de6097646772c11c

FROM python:3.12-slim-bookworm AS base
RUN groupadd --gid 10001 retrainer \
    && useradd --uid 10001 --gid 10001 --no-log-init --home-dir /var/lib/retrainer --shell /usr/sbin/nologin retrainer \
    # the folders that volumes are for: a new volume takes its owner from the image
    && install -d -m 700 -o retrainer -g retrainer /var/lib/retrainer /var/lib/retrainer/airflow \
        /var/lib/retrainer/airflow/logs /var/lib/retrainer/data /var/lib/retrainer/mlflow \
        /var/lib/retrainer/serving /var/lib/retrainer/serving/predictions \
    && ln -s /opt/retrainer/include/bin/retrainer /usr/local/bin/retrainer
# The base comes without bytecode, and nobody can write it later: each start would compile 150 modules, for a second.
RUN python3 -m compileall -q -f -j 0 --invalidation-mode unchecked-hash \
        -x '/(test|tests|ensurepip|idlelib|lib2to3|pydoc_data|site-packages|tkinter|turtledemo)/' /usr/local/lib/python3.12
ENV PATH=/opt/environment/bin:/usr/local/bin:/usr/local/sbin:/usr/bin:/usr/sbin:/bin:/sbin \
    LD_LIBRARY_PATH=/opt/environment/lib \
    HOME=/var/lib/retrainer \
    PYTHONSAFEPATH=1 \
    PYTHONUNBUFFERED=1 \
    RETRAINER_HOME=/var/lib/retrainer \
    RETRAINER_PROJECT_ROOT=/opt/retrainer \
    MPLCONFIGDIR=/tmp/matplotlib \
    GIT_PYTHON_REFRESH=quiet \
    AIRFLOW__USAGE_DATA_COLLECTION__ENABLED=False \
    DO_NOT_TRACK=true \
    EVIDENTLY_DISABLE_TELEMETRY=1 \
    GX_ANALYTICS_ENABLED=false \
    ITERATIVE_DO_NOT_TRACK=true \
    MLFLOW_ALLOW_PICKLE_DESERIALIZATION=false \
    MLFLOW_DISABLE_TELEMETRY=true \
    SCARF_ANALYTICS=false
WORKDIR /opt/retrainer

# The project: a few megabytes that change with every commit, so it is not in the layer of the libraries.
FROM base AS project
ARG BUILD_LOCK
COPY config/images/install.sh config/images/build.lock /build/
RUN /build/install.sh /build/build.lock "$BUILD_LOCK"
COPY pyproject.toml README.md LICENSE /build/
COPY include /build/include
RUN /usr/local/bin/python3 -m pip --python /opt/environment/bin/python install --quiet --disable-pip-version-check \
        --no-cache-dir --no-compile --no-deps --no-build-isolation --target include /build \
    && /opt/environment/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash include
COPY config config
COPY dags dags
COPY plugins plugins
ARG REVISION=
RUN echo "$REVISION" >revision

FROM python:3.12-slim-bookworm AS server-environment
ARG SERVER_LOCK
COPY config/images/install.sh config/images/slim.sh config/images/server.lock /build/
RUN /build/install.sh /build/server.lock "$SERVER_LOCK" && /build/slim.sh

FROM base AS server
COPY --from=server-environment /opt/environment /opt/environment
COPY --from=project /opt/retrainer /opt/retrainer
USER 10001:10001
ENV RETRAINER_SERVING_HOST=0.0.0.0 RETRAINER_SERVING_PORT=8000
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s --retries=3 \
    CMD python config/images/health.py "$RETRAINER_SERVING_PORT" /health/live
CMD ["retrainer", "serve"]
ARG VERSION=
ARG REVISION=
ARG SERVER_LOCK
LABEL org.opencontainers.image.title="Retrainer's model server" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION" \
      retrainer.lock_digest="$SERVER_LOCK"

FROM python:3.12-slim-bookworm AS steps-environment
ARG STEPS_LOCK
COPY config/images/install.sh config/images/steps.lock /build/
RUN /build/install.sh /build/steps.lock "$STEPS_LOCK"

FROM base AS steps
COPY --from=steps-environment /opt/environment /opt/environment
COPY --from=project /opt/retrainer /opt/retrainer
USER 10001:10001
# The first process of a container ignores SIGTERM; SIGINT ends a step as Ctrl-C does.
STOPSIGNAL SIGINT
HEALTHCHECK --interval=60s --timeout=10s CMD retrainer --version
CMD ["retrainer", "--help"]
ARG VERSION=
ARG REVISION=
ARG STEPS_LOCK
LABEL org.opencontainers.image.title="Retrainer's steps" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION" \
      retrainer.lock_digest="$STEPS_LOCK"

FROM python:3.12-slim-bookworm AS airflow-environment
ARG AIRFLOW_LOCK
COPY config/images/install.sh config/images/airflow.lock /build/
RUN /build/install.sh /build/airflow.lock "$AIRFLOW_LOCK"

# The data of the example, which has to be built from source: by the setuptools of build.lock.
FROM project AS example
ARG EXAMPLE_LOCK
COPY config/images/example.lock /build/
RUN echo "$EXAMPLE_LOCK  /build/example.lock" | sha256sum --check --quiet \
    && /usr/local/bin/python3 -m pip --python /opt/environment/bin/python install --quiet --disable-pip-version-check \
        --no-cache-dir --no-compile --no-deps --no-build-isolation --require-hashes --target /example \
        --requirement /build/example.lock

FROM base AS airflow
COPY --from=airflow-environment /opt/environment /opt/environment
COPY --from=project /opt/retrainer /opt/retrainer
COPY --from=example /example /opt/retrainer/include
USER 10001:10001
ENV AIRFLOW_HOME=/var/lib/retrainer/airflow \
    AIRFLOW__CORE__DAGS_FOLDER=/opt/retrainer/dags \
    AIRFLOW__CORE__LOAD_EXAMPLES=False \
    AIRFLOW__CORE__PLUGINS_FOLDER=/opt/retrainer/plugins
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=25s --start-period=60s --retries=3 CMD config/images/health_airflow.sh
CMD ["airflow", "version"]
ARG VERSION=
ARG REVISION=
ARG AIRFLOW_LOCK
LABEL org.opencontainers.image.title="Airflow with Retrainer" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION" \
      retrainer.lock_digest="$AIRFLOW_LOCK"
