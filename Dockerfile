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
ENTRYPOINT ["archiver"]
CMD ["schedule"]
