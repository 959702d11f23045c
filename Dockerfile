# A dripline image. Without a command it serves the first mesh, on a broker of its own:
#   docker build --tag dripline .
#   docker run --name mesh dripline
#   docker exec mesh dl-agent get peaches
FROM python:3.12-slim

RUN useradd --create-home dripline
USER dripline
WORKDIR /home/dripline

# An environment that belongs to the user: an image built on this one installs its extensions with a plain "pip install".
RUN python -m venv /home/dripline/venv
ENV PATH=/home/dripline/venv/bin:$PATH

COPY --chown=dripline:dripline pyproject.toml setup.py README.md LICENSE source/
COPY --chown=dripline:dripline scarab source/scarab
COPY --chown=dripline:dripline _dripline source/_dripline
COPY --chown=dripline:dripline dripline source/dripline
RUN pip install --no-cache-dir ./source && rm -r source

COPY --chown=dripline:dripline examples examples

CMD ["dl-serve", "--embedded-broker", "-c", "examples/first-mesh/key-value-store.yaml"]
