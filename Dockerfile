# Mammoscope on a processor, without CUDA. docs/docker.md tells how to build and run it.
FROM python:3.12-slim-bookworm

ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONDONTWRITEBYTECODE=1 \
    MAMMO_HOME=/data/home MAMMO_CHECKPOINTS=/data/checkpoints

RUN useradd --create-home --uid 1000 mammo && install -d -o mammo -g mammo -m 700 /data /app
WORKDIR /app
USER 1000

# The CPU builds of torch's pinned versions first: the plain ones bring gigabytes of CUDA.
COPY --chown=1000 requirements.txt ./
RUN python -m venv .venv \
    && grep -E '^(torch|torchvision)==' requirements.txt > torch.txt \
    && .venv/bin/python -m pip install --index-url https://download.pytorch.org/whl/cpu -r torch.txt \
    && .venv/bin/python -m pip install -r requirements.txt

COPY --chown=1000 . ./
RUN python -m launcher.installed

VOLUME /data
EXPOSE 8501
# Beyond loopback everybody signs in: docs/docker.md makes the first account.
CMD ["python", "start.py", "--host", "0.0.0.0"]
