from threading import Event, Semaphore

from webhooks.drain_signal import DrainSignal


def test_it_rings_without_keeping_the_caller():
    signalled, release = Semaphore(0), Event()

    def signal():
        signalled.release()
        assert release.wait(10)

    drain = DrainSignal(signal, pause_seconds=0)
    drain()  # returns although the queueing itself is held up
    assert signalled.acquire(timeout=10)
    release.set()


def test_who_asks_while_it_rings_is_rung_for_again():
    signals, entered, release = Semaphore(0), Event(), Event()

    def signal():
        entered.set()
        assert release.wait(10)
        signals.release()

    drain = DrainSignal(signal, pause_seconds=0)
    drain()
    assert entered.wait(10)
    for _ in range(5):
        drain()
    release.set()
    assert signals.acquire(timeout=10)
    assert signals.acquire(timeout=10)


def test_a_failing_ring_does_not_end_it(caplog):
    signals = Semaphore(0)

    def signal():
        signals.release()
        raise RuntimeError("no queue")

    drain = DrainSignal(signal, pause_seconds=0)
    for _ in range(3):
        drain()
        assert signals.acquire(timeout=10)
