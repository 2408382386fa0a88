"""Stages that are stopped."""

import signal
import subprocess

from flowshot.execution import local


def test_a_second_interruption_kills_what_still_finishes_its_step():
    def interrupt(*_):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    command = "trap '' INT; echo ready; while true; do sleep 0.1; done"
    with subprocess.Popen(["sh", "-c", command], stdout=subprocess.PIPE, start_new_session=True) as process:
        try:
            assert process.stdout.readline() == b"ready\n"
            signal.setitimer(signal.ITIMER_REAL, 0.3)
            local.stop([process])
            assert process.poll() == -signal.SIGKILL
        finally:
            signal.signal(signal.SIGALRM, before)
            process.kill()
