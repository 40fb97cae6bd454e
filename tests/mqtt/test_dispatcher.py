"""The dispatcher's bounds and its survival of handlers."""

import threading

import pytest

from nasc_sdk.errors import UnreachableError
from nasc_sdk.mqtt.dispatcher import MAX_BYTES, Dispatcher
from tests.mqtt.brokers import TIMEOUT_S


@pytest.fixture
def dispatcher():
    dispatcher = Dispatcher("test", 3)
    yield dispatcher
    dispatcher.stop(TIMEOUT_S)


def fail(error):
    raise error


def test_jobs_run_in_order_on_one_thread_and_failures_are_counted(dispatcher):
    done, threads = threading.Event(), []
    dispatcher.start()
    dispatcher.start()
    jobs = [
        lambda: threads.append(threading.current_thread()),
        lambda: fail(UnreachableError("x", "y")),
        lambda: fail(ValueError("bug")),
        lambda: threads.append(threading.current_thread()),
        done.set,
    ]
    for job in jobs:
        dispatcher.offer(job, always=True)
    assert done.wait(TIMEOUT_S)
    assert dispatcher.failures == 2
    assert threads[0] is threads[1]
    assert not dispatcher.is_this_thread


def test_bounds(dispatcher):
    assert dispatcher.offer(lambda: None, MAX_BYTES)
    assert not dispatcher.offer(lambda: None, 1)
    assert dispatcher.offer(lambda: None)
    assert dispatcher.offer(lambda: None)
    assert not dispatcher.offer(lambda: None)
    assert dispatcher.offer(lambda: None, always=True)


def test_stopping_drops_what_waits_and_it_can_start_again(dispatcher):
    ran = threading.Event()
    dispatcher.offer(lambda: fail(AssertionError()))
    dispatcher.stop(TIMEOUT_S)
    dispatcher.start()
    dispatcher.offer(ran.set)
    assert ran.wait(TIMEOUT_S)
    assert dispatcher.failures == 0


def test_a_job_may_stop_it(dispatcher):
    stopped = threading.Event()
    dispatcher.start()
    dispatcher.offer(lambda: (dispatcher.stop(TIMEOUT_S), stopped.set()))
    assert stopped.wait(TIMEOUT_S)
