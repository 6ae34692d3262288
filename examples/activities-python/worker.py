#!/usr/bin/env python3
"""A worker with one activity, `GrantDiscount`, which a fermata process calls by its name and its queue.

It knows Temporal and its own trade; it knows nothing of fermata.
"""

import argparse
import asyncio
import hashlib
import logging
import os
import signal
import sys
from datetime import timedelta
from typing import TypedDict

from temporalio import activity
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory
from temporalio.runtime import LogForwardingConfig, LoggingConfig, Runtime, TelemetryConfig, TelemetryFilter
from temporalio.service import RPCError
from temporalio.worker import Worker

DISCOUNTS = {"welcome": "WEL", "free-shipping": "SHIP", "birthday": "BDAY"}

# A refusal is one of the answers of the trade, so the SDK need not log it as a fault.
AN_ANSWER = ApplicationErrorCategory.BENIGN


class Granted(TypedDict):
    user: str
    discount: str
    code: str


@activity.defn(name="GrantDiscount")
async def grant_discount(user: str, discount: str) -> Granted:
    # Whether to try again is the process's to say, with `retry`: this error could be retried, and GrantAll lists its
    # type in `unless`, because there a name that is unknown now stays unknown.
    if discount not in DISCOUNTS:
        raise ApplicationError(f"there is no discount `{discount}`", type="UnknownDiscount", category=AN_ANSWER)
    # Here the activity itself knows that no other attempt can end differently, and no process can overrule it.
    if user.startswith("blocked"):
        raise ApplicationError(f"{user} is blocked", type="UserBlocked", category=AN_ANSWER, non_retryable=True)
    # A trouble that passes, to see a retry.
    if user.startswith("flaky") and activity.info().attempt == 1:
        raise ApplicationError("the store of discounts does not answer", type="Unavailable")
    return {"user": user, "discount": discount, "code": code(user, discount)}


def code(user: str, discount: str) -> str:
    """The same code for the same grant: an attempt whose answer got lost is made again, and must not grant twice."""
    digest = hashlib.sha256(f"{user}\0{discount}".encode()).hexdigest()
    return f"{DISCOUNTS[discount]}-{digest[:8].upper()}"


async def announce(client: Client, queue: str) -> None:
    """Says so once the server has seen this worker ask for work."""
    request = DescribeTaskQueueRequest(
        namespace=client.namespace,
        task_queue=TaskQueue(name=queue),
        task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
    )
    while True:
        try:
            answer = await client.workflow_service.describe_task_queue(request)
        except RPCError:
            pass  # if it lasts, the worker itself fails and says why
        else:
            if any(poller.identity == client.identity for poller in answer.pollers):
                break
        await asyncio.sleep(0.1)
    print(f"ready on {queue}", flush=True)


async def serve(client: Client, queue: str) -> None:
    """Works until it is told to stop. Errors: the worker's own."""
    stop = asyncio.Event()
    for signum in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(signum, stop.set)
    worker = Worker(
        client,
        task_queue=queue,
        activities=[grant_discount],
        graceful_shutdown_timeout=timedelta(seconds=10),  # for what is in hand
    )
    working = asyncio.create_task(worker.run())
    announced = asyncio.create_task(announce(client, queue))
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait({working, stopped}, return_when=asyncio.FIRST_COMPLETED)
    announced.cancel()
    if not working.done():
        await worker.shutdown()
    await working


async def main() -> int:
    parser = argparse.ArgumentParser(description="Grants discounts.")
    parser.add_argument("--address", default="127.0.0.1:7233", help="the Temporal server (%(default)s)")
    parser.add_argument("--namespace", default="default", help="(%(default)s)")
    parser.add_argument("--queue", default="discounts", help="the task queue (%(default)s)")
    options = parser.parse_args()
    # The native part of the SDK would log to stdout, which is kept for the line that others wait for.
    forwarding = LogForwardingConfig(logger=logging.getLogger("temporalio.core"))
    core_log = LoggingConfig(filter=TelemetryFilter(core_level="WARN", other_level="ERROR"), forwarding=forwarding)
    runtime = Runtime(telemetry=TelemetryConfig(logging=core_log))
    try:
        client = await Client.connect(options.address, namespace=options.namespace, runtime=runtime)
        await serve(client, options.queue)
    except RuntimeError as error:  # what the SDK raises where it cannot connect or cannot work
        print(f"cannot work for {options.address}: {error.__cause__ or error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    exit_code = asyncio.run(main())
    # All is done by now. The SDK's native threads may crash an interpreter that takes itself down in the usual way
    # (temporalio/sdk-python#300), so it is left standing.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(exit_code)
