from threading import Event, Semaphore

from webhooks.drain_signal import Ringer


def test_it_rings_without_keeping_the_caller():
    rung, release = Semaphore(0), Event()

    def ring():
        rung.release()
        assert release.wait(10)

    ringer = Ringer(ring, pause_seconds=0)
    ringer()  # returns although the ring itself is held up
    assert rung.acquire(timeout=10)
    release.set()


def test_who_asks_while_it_rings_is_rung_for_again():
    rings, entered, release = Semaphore(0), Event(), Event()

    def ring():
        entered.set()
        assert release.wait(10)
        rings.release()

    ringer = Ringer(ring, pause_seconds=0)
    ringer()
    assert entered.wait(10)
    for _ in range(5):
        ringer()
    release.set()
    assert rings.acquire(timeout=10)
    assert rings.acquire(timeout=10)


def test_a_failing_ring_does_not_end_it(caplog):
    rings = Semaphore(0)

    def ring():
        rings.release()
        raise RuntimeError("no bell")

    ringer = Ringer(ring, pause_seconds=0)
    for _ in range(3):
        ringer()
        assert rings.acquire(timeout=10)
