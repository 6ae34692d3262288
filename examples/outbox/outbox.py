#!/usr/bin/env python3
"""Empties an outbox: starts the processes that an application has asked for.

The application writes a row into `outbox` in the same transaction as its own data, so that either both are there or
neither is. This worker sends each row as a start until the service acknowledges it, and only then marks it. It may be
killed at any moment: a row whose call was made but not marked is sent again, which finds the run that exists.
"""

import argparse
import http.client
import json
import random
import signal
import sqlite3
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from typing import NoReturn

# A row waits while `delivered_at` and `last_error` are both null. Parked is what was refused: `last_error` says why,
# and setting it to null again lets the row go once more.
SCHEMA = """
CREATE TABLE IF NOT EXISTS outbox (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    process      TEXT NOT NULL,
    payload      TEXT NOT NULL,                                              -- the input of the run, as JSON
    created_at   TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    delivered_at TEXT,
    run_id       TEXT,                                                       -- `Process.key`
    attempts     INTEGER NOT NULL DEFAULT 0,                                 -- requests, each counted before it goes
    last_error   TEXT
);
CREATE INDEX IF NOT EXISTS outbox_waiting ON outbox (id) WHERE delivered_at IS NULL AND last_error IS NULL;
CREATE TABLE IF NOT EXISTS users (id TEXT PRIMARY KEY, age INTEGER NOT NULL);  -- the demo application's own data
"""

FIRST_PAUSE = 0.2  # seconds; doubled after every failure in a row
LONGEST_PAUSE = 10.0
LONGEST_RETRY_AFTER = 300.0  # whatever a server says, look again after five minutes
REQUEST_TIMEOUT = 30.0


@dataclass(frozen=True)
class Row:
    id: int
    process: str
    payload: str


@dataclass(frozen=True)
class Started:
    id: str
    run_id: str
    created: bool


class Transient(Exception):
    """No acknowledgement, and nothing that is wrong with the row: the same call may succeed later."""

    def __init__(self, words: str, retry_after: float | None = None) -> None:
        super().__init__(words)
        self.retry_after = retry_after


class Refused(Exception):
    """The service will never take this row as it is."""


class BrokenPromise(Exception):
    """Two starts of one business key did not find one run. Nothing is marked, and the worker ends."""


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """urllib would follow a redirected POST as a GET, and any 200 would pass for an acknowledgement."""

    def redirect_request(self, *_: object, **__: object) -> None:
        return None


# The service is a neighbour, so no proxy of the environment stands between.
OPENER = urllib.request.build_opener(NoRedirect, urllib.request.ProxyHandler({}))


def start(base: str, row: Row) -> Started:
    """One call. Errors: `Transient`, `Refused`."""
    request = urllib.request.Request(
        f"{base}/v1/processes/{urllib.parse.quote(row.process, safe='')}/runs",
        data=body(row.payload),
        headers={"Content-Type": "application/json", "Accept": "application/json"},
        method="POST",
    )
    try:
        with OPENER.open(request, timeout=REQUEST_TIMEOUT) as response:
            status, text = response.status, response.read()
    except urllib.error.HTTPError as error:
        with error:
            refuse(error)
    except (OSError, http.client.HTTPException) as error:  # not reachable, or the answer broke off
        raise Transient(f"no answer: {getattr(error, 'reason', None) or error!r}") from error
    try:
        answer = json.loads(text)
        if status not in (200, 201):
            raise ValueError(f"status {status}")
        return Started(str(answer["id"]), str(answer["runId"]), bool(answer["created"]))
    except (ValueError, KeyError, TypeError) as error:
        # Something else answers at this address. The row is not to blame, so it must not be parked for it.
        raise Transient(f"not the answer to a start: {error!r}") from error


def body(payload: str) -> bytes:
    """The payload goes out as it was written, once it is known to be one JSON value: no number changes on the way."""
    try:
        json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise Refused(f"the payload is not JSON: {error}") from error
    return b'{"input": ' + payload.encode() + b"}"


def refuse(error: urllib.error.HTTPError) -> NoReturn:
    words = problem(error)
    if error.code == 429 or error.code >= 500:
        raise Transient(words, retry_after(error.headers.get("Retry-After")))
    raise Refused(words)


def problem(error: urllib.error.HTTPError) -> str:
    """The words of an RFC 9457 problem, or what there is in their place."""
    words = f"{error.code} {error.reason}"
    try:
        answer = json.loads(error.read())
        details = [f"{e.get('pointer', '')} {e.get('detail', '')}".strip() for e in answer.get("errors", [])]
        parts = [answer.get("title"), *(details or [answer.get("detail")])]
    except (OSError, http.client.HTTPException, ValueError, AttributeError, TypeError):
        return words
    return "; ".join([words, *(str(part) for part in parts if part)])


def retry_after(header: str | None) -> float | None:
    """Seconds. The form with a date is rare, and the worker's own pause does as well."""
    if header is None or not header.strip().isdecimal():
        return None
    return min(float(header), LONGEST_RETRY_AFTER)


def until_acknowledged(db: sqlite3.Connection, base: str, row: Row) -> Started:
    """Repeats the call until it is acknowledged. Errors: `Refused`."""
    pause = FIRST_PAUSE
    while True:
        db.execute("UPDATE outbox SET attempts = attempts + 1 WHERE id = ?", (row.id,))
        try:
            return start(base, row)
        except Transient as error:
            # Some randomness, so that many workers do not come back all at once.
            seconds = pause * random.uniform(0.5, 1.0) if error.retry_after is None else error.retry_after
            print(f"row {row.id}: {error}; again in {seconds:.1f} s", file=sys.stderr, flush=True)
        time.sleep(seconds)
        pause = min(pause * 2, LONGEST_PAUSE)


def deliver(db: sqlite3.Connection, base: str, row: Row) -> bool:
    """Whether the row was delivered by this worker."""
    first = until_acknowledged(db, base, row)
    # One call would do. The second one is here to show what a repeated call meets: the same run, and no new one.
    second = until_acknowledged(db, base, row)
    if (second.id, second.run_id) != (first.id, first.run_id) or second.created:
        raise BrokenPromise(f"row {row.id}: first {first}, then {second}")
    # A transaction of its own, after the acknowledgement: a crash before this line costs a call, never a run.
    marked = db.execute(
        "UPDATE outbox SET delivered_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), run_id = ?, last_error = NULL"
        " WHERE id = ? AND delivered_at IS NULL",
        (first.id, row.id),
    )
    print(f"row {row.id}: {first.id} {'started' if first.created else 'was there'}, and found again", flush=True)
    return marked.rowcount == 1  # zero: another worker on this table was quicker


def park(db: sqlite3.Connection, row: Row, words: str) -> bool:
    parked = db.execute(
        "UPDATE outbox SET last_error = ? WHERE id = ? AND delivered_at IS NULL AND last_error IS NULL", (words, row.id)
    )
    print(f"row {row.id}: parked: {words}", file=sys.stderr, flush=True)
    return parked.rowcount == 1


def next_row(db: sqlite3.Connection) -> Row | None:
    found = db.execute(
        "SELECT id, process, payload FROM outbox WHERE delivered_at IS NULL AND last_error IS NULL ORDER BY id LIMIT 1"
    ).fetchone()
    return Row(*found) if found else None


def work(db: sqlite3.Connection, base: str, once: bool, poll: float) -> int:
    """The exit code: 0 only if nothing was parked and, with `once`, nothing was left."""
    delivered = parked = 0
    interrupted = False
    try:
        while True:
            row = next_row(db)
            if row is None:
                if once:
                    break
                time.sleep(poll)
                continue
            try:
                delivered += deliver(db, base, row)
            except Refused as refusal:
                parked += park(db, row, str(refusal))
    except KeyboardInterrupt:  # nothing to tidy up: ending anywhere is as good as a crash, and a crash does no harm
        interrupted = True
    print(f"{delivered} delivered, {parked} parked", flush=True)
    return 1 if parked or (once and interrupted) else 0


def seed(db: sqlite3.Connection, rows: int) -> None:
    """Plays the application: users and the wish to welcome them, in one transaction."""
    db.executescript(SCHEMA)
    db.execute("BEGIN IMMEDIATE")
    known: int = db.execute("SELECT count(*) FROM users").fetchone()[0]
    for number in range(known + 1, known + rows + 1):
        user = {"userId": f"u-{number}", "age": 16 + number % 50}
        db.execute("INSERT INTO users (id, age) VALUES (:userId, :age)", user)
        db.execute("INSERT INTO outbox (process, payload) VALUES ('UserGranted', ?)", (json.dumps(user),))
    db.execute("COMMIT")
    print(f"{rows} rows written", flush=True)


def address(text: str) -> str:
    if not text.startswith(("http://", "https://")):
        raise argparse.ArgumentTypeError("an address begins with http:// or https://")
    return text.rstrip("/")


def main() -> int:
    parser = argparse.ArgumentParser(description="Starts the processes that an application wrote into its outbox.")
    parser.add_argument("--db", default="outbox.db", metavar="FILE", help="SQLite file (%(default)s)")
    parser.add_argument("--base", default="http://127.0.0.1:8080", type=address, help="the service (%(default)s)")
    parser.add_argument("--once", action="store_true", help="deliver what is there, then end")
    parser.add_argument("--poll", default=1.0, type=float, metavar="SECONDS", help="between two looks (%(default)s)")
    parser.add_argument("--seed", type=int, metavar="N", help="write N demo rows; without --once, end after that")
    options = parser.parse_args()

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # Without an isolation level each statement is a transaction of its own, unless BEGIN says otherwise.
    db = sqlite3.connect(options.db, timeout=30, isolation_level=None)
    try:
        if options.seed is not None:
            seed(db, options.seed)
            if not options.once:
                return 0
        elif not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'outbox'").fetchone():
            parser.error(f"{options.db} has no outbox; --seed N makes one for a demo")
        return work(db, options.base, options.once, options.poll)
    except BrokenPromise as broken:
        print(f"not idempotent: {broken}", file=sys.stderr)
        return 3
    finally:
        db.close()


if __name__ == "__main__":
    sys.exit(main())
