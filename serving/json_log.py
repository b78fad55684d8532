"""The log: one JSON object a line on standard error. Nothing of a picture ever stands in it."""

import json
import logging
import sys
from datetime import UTC, datetime

# Nothing that is logged holds itself, and to look for that takes a quarter of the time.
ENCODER = json.JSONEncoder(ensure_ascii=False, default=str, check_circular=False)


class JsonFormatter(logging.Formatter):
    """Writes a record as JSON; what a caller gave as `extra={"fields": {...}}` becomes keys of their own."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line."""
        entry = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            entry["traceback"] = self.formatException(record.exc_info)
        return ENCODER.encode(entry)


def configure_logging() -> None:
    """Send every record of this process through one handler, those of BentoML and uvicorn as well."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for name in list(logging.root.manager.loggerDict):
        logger = logging.getLogger(name)
        if name.partition(".")[0] in ("bentoml", "uvicorn"):
            logger.handlers.clear()
            logger.propagate = True
    logging.getLogger("uvicorn.access").disabled = True
    logging.getLogger("python_multipart").setLevel(logging.ERROR)  # a malformed form is its sender's matter
