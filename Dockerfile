# Tallygate in a container: `docker build -t tallygate .`, then
#   docker run -p 127.0.0.1:8080:8080 -v tallygate:/state tallygate
# The first time it writes a configuration into the volume and shows a first key. Nothing else is ever written, so it runs
# with --read-only --cap-drop=ALL --security-opt=no-new-privileges. deploy/compose.yaml is the whole of it, with Prometheus.

FROM docker.io/library/python:3.13-slim AS build
WORKDIR /src

# A third of what the wheels bring is debug symbols. Whichever version of the tool Debian has will do.
# hadolint ignore=DL3008
RUN apt-get update -qq \
 && apt-get install -y -qq --no-install-recommends binutils \
 && rm -rf /var/lib/apt/lists/*

# Everything by hash from the lock, nothing built here but ourselves. The environment has no pip: what runs installs nothing.
# CEL's extensions go, 36 MB that no condition can use.
COPY deploy/requirements.lock deploy/
RUN python -m venv --without-pip /opt/tallygate \
 && python -m pip --python /opt/tallygate/bin/python install --quiet --no-cache-dir --no-compile \
      --only-binary=:all: --require-hashes -r deploy/requirements.lock \
 && rm -r /opt/tallygate/lib/python3.13/site-packages/cel_expr_python/ext \
 && find /opt/tallygate \( -name '*.cpython-*.so' -o -name '*.abi3.so' \) -exec strip --strip-unneeded {} +

COPY pyproject.toml README.md LICENSE ./
COPY proxy proxy
RUN python -m pip --python /opt/tallygate/bin/python install --quiet --no-cache-dir --no-compile \
      --no-deps --no-build-isolation . \
 && python -m pip --python /opt/tallygate/bin/python uninstall --quiet --yes setuptools

# One streamed call through a whole proxy: proves what was built, and leaves the bytecode of just the modules that serving
# needs, the standard library's too. The base image has none, and on a read-only root every start would compile them anew.
ENV PYTHONPYCACHEPREFIX=/opt/tallygate/bytecode PYTHONSAFEPATH=1
WORKDIR /tmp
RUN /opt/tallygate/bin/tallygate demo


FROM docker.io/library/python:3.13-slim
LABEL org.opencontainers.image.title="Tallygate" \
      org.opencontainers.image.description="An LLM API proxy that counts every token and holds every budget" \
      org.opencontainers.image.licenses="Apache-2.0"

# A number, so that Kubernetes can see that it is not root. A named volume takes over the folder's owner.
RUN install -d -o 10001 -g 10001 -m 0750 /state
COPY --from=build /opt/tallygate /opt/tallygate
USER 10001:10001
WORKDIR /state

# Journal, embedded engines and, unless TALLYGATE_CONFIG says otherwise, the configuration. No code: PYTHONSAFEPATH keeps
# Python from looking for modules in the folder where it is started.
VOLUME ["/state"]
ENV PATH="/opt/tallygate/bin:$PATH" \
    PYTHONPYCACHEPREFIX=/opt/tallygate/bytecode \
    PYTHONSAFEPATH=1 \
    PYTHONUNBUFFERED=1 \
    TALLYGATE_CONFIG=/state/tallygate.yaml \
    TALLYGATE_LISTEN=0.0.0.0:8080 \
    TALLYGATE_STATE=/state

# Calls; the admin listener is reachable from outside where the configuration says `admin: 0.0.0.0:9090`.
EXPOSE 8080 9090
HEALTHCHECK --interval=30s --timeout=10s --start-period=30s --retries=3 CMD ["tallygate", "healthy"]

# SIGTERM drains. Give it the time: `docker stop` waits 10 s unless told otherwise, and running calls may take longer.
STOPSIGNAL SIGTERM
ENTRYPOINT ["tallygate"]
CMD ["serve"]
