# A dripline image. By default, it runs an embedded broker and the service of the first mesh:
#   docker build --tag dripline .
#   docker run --name mesh dripline
#   docker exec mesh dl-agent get peaches
FROM python:3.12-slim

RUN useradd --create-home dripline
USER dripline
WORKDIR /home/dripline

# The user owns the virtual environment, so an image based on this one can install extensions with "pip install".
RUN python -m venv /home/dripline/venv
ENV PATH=/home/dripline/venv/bin:$PATH

COPY --chown=dripline:dripline pyproject.toml setup.py README.md LICENSE source/
COPY --chown=dripline:dripline scarab source/scarab
COPY --chown=dripline:dripline _dripline source/_dripline
COPY --chown=dripline:dripline dripline source/dripline
RUN pip install --no-cache-dir ./source && rm -r source

COPY --chown=dripline:dripline examples examples

CMD ["dl-serve", "--embedded-broker", "-c", "examples/first-mesh/key-value-store.yaml"]
