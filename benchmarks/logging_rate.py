"""How many alerts a second become rows of a database."""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from benchmarks.rounds import NotMeasured, Row, rows, take_turns
from benchmarks.target import Target
from benchmarks.worker import Worker
from dripline.config.suggest import pip_install

_FLOOR = "pika, consumed and dropped"
_COUNT = 20000
#: Where PostgreSQL is, as SQLAlchemy writes it; without one only SQLite is measured.
_POSTGRES = os.environ.get("DRIPLINE_BENCHMARK_POSTGRES", "postgresql://postgres@127.0.0.1:5432/test")


def measure(target: Target, rounds: int) -> list[Row]:
    """Alerts that bare pika publishes meanwhile, until their rows are committed and they are acknowledged."""
    with ExitStack() as stack:
        where = target.as_text()
        publisher = stack.enter_context(Worker("pika_alerts", where, "unconfirmed"))
        consumers = {_FLOOR: stack.enter_context(Worker("pika_consumer", where))}
        for name, url in _databases().items():
            consumers[f"SensorLogger, {name}"] = stack.enter_context(Worker("dripline_logger", where, url))
        pool = stack.enter_context(ThreadPoolExecutor(1))

        def rate(consumer: Worker) -> float:
            consumer.run(0)  # binds its queue; the others are not bound meanwhile
            published = pool.submit(publisher.run, _COUNT)
            seconds = consumer.run(_COUNT)
            published.result()
            return _COUNT / seconds

        turns = {name: (lambda consumer=consumer: rate(consumer)) for name, consumer in consumers.items()}
        medians = take_turns(turns, rounds)
    return rows("alerts logged", "1/s", medians, floor=_FLOOR)


def _databases() -> dict[str, str]:
    try:
        import sqlalchemy  # only this benchmark needs it
    except ImportError:
        raise NotMeasured(f"SQLAlchemy is missing: {pip_install('sql')}") from None
    url = sqlalchemy.make_url(_POSTGRES).set(drivername="postgresql+psycopg")
    try:
        engine = sqlalchemy.create_engine(url, connect_args={"connect_timeout": 2})
    except ImportError:
        print(f"PostgreSQL left out: psycopg is missing: {pip_install('postgres')}", file=sys.stderr)
        return {"SQLite": ""}
    try:
        engine.connect().close()
    except sqlalchemy.exc.OperationalError:
        print(f"PostgreSQL left out: no server at {url!r}", file=sys.stderr)
        return {"SQLite": ""}
    finally:
        engine.dispose()
    return {"PostgreSQL": url.render_as_string(hide_password=False), "SQLite": ""}
