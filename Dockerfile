# The HTTP service on a CPU, with the models of a folder of yours:
#   docker build -t eyespot .
#   docker run -p 3000:3000 -v "$PWD/models:/models:ro" eyespot
# Settings are variables of the environment: -e EYESPOT_WORKERS=2, -e EYESPOT_API_KEYS_FILE=/keys/keys ...
# An image that holds its models is made by 'eyespot serve MODEL... --build FOLDER' and BentoML.
FROM python:3.11-slim-bookworm AS build
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY edge edge
COPY export export
COPY eyespot eyespot
COPY serving serving
COPY training training
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM python:3.11-slim-bookworm
COPY constraints.txt /tmp/constraints.txt
COPY --from=build /wheels /tmp/wheels
RUN pip install --no-cache-dir --constraint /tmp/constraints.txt "$(ls /tmp/wheels/*.whl)[cpu,serving]" \
    && rm -r /tmp/wheels /tmp/constraints.txt \
    && useradd --uid 1034 --no-create-home --shell /usr/sbin/nologin eyespot
USER eyespot
ENV BENTOML_DO_NOT_TRACK=True BENTOML_HOME=/tmp/bentoml
EXPOSE 3000
HEALTHCHECK --start-period=60s --interval=10s --timeout=5s CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:3000/readyz', timeout=4)"]
CMD ["eyespot", "serve", "/models", "--host", "0.0.0.0"]
