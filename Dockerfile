# docker build -t archiver . ; docker run --rm -v archive:/archive -e ARCHIVER_CONTACT=you@example.org archiver
FROM python:3.11-slim AS build
WORKDIR /src
COPY requirements-all.lock pyproject.toml README.md LICENSE ./
RUN python -m venv /opt/archiver && /opt/archiver/bin/pip install --no-cache-dir --require-hashes -r requirements-all.lock
COPY archiver archiver
RUN /opt/archiver/bin/pip install --no-cache-dir --no-deps --no-build-isolation .

FROM python:3.11-slim
COPY --from=build /opt/archiver /opt/archiver
RUN useradd --uid 1000 --create-home archiver && mkdir /archive && chown archiver /archive
ENV PATH=/opt/archiver/bin:$PATH ARCHIVER_ARCHIVE=/archive/archive.db PYTHONUNBUFFERED=1
USER archiver
WORKDIR /archive
VOLUME /archive
STOPSIGNAL SIGTERM
# For the scheduler, which sets the time of this file every 20 seconds. Other commands have no such sign: run them with
# --no-healthcheck, or with a check of their own, as the service `web` of `archiver schedule --print docker` does.
HEALTHCHECK --interval=1m --timeout=10s --start-period=2m CMD find /archive/.archive.db.scheduler -mmin -3 | grep -q .
ENTRYPOINT ["archiver"]
CMD ["schedule"]
