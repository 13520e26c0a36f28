"""Whoever dies, the fault is healed: by a process of its own that outlives the engine."""

import os
import pathlib
import signal
import unittest

from fault_support import FaultTest, state
from support import alive


class Watchdog(FaultTest):
    def pause(self, *more, **options):
        pid = self.pid("a")
        inject = self.start("inject", "service_pause", "--target", "a", *more, **options)
        self.wait_until_it_is_in(inject)
        self.assertEqual(state(pid), "T")
        return inject, pid

    def wait_until_it_is_in(self, inject):
        """Until its effect is confirmed. That the target stands still is seen before: an engine
        that is stopped in between looks at it after the watchdog healed it, and finds no effect."""
        lines = []
        for line in inject.stderr:
            if " is in for " in line:
                return
            lines.append(line)
        self.fail("".join(lines) or "it said nothing")

    def test_an_engine_killed_with_9_leaves_nothing_in(self):
        inject, pid = self.pause("--for", "10m")
        inject.kill()
        self.wait_until_it_goes_on(pid)
        self.wait_for(lambda: not self.records(), "an empty undo journal")
        self.assertEqual(self.pid("a"), pid)
        self.assertIn("healed what was left in", self.log("watchdog"))

    def test_it_survives_what_ends_the_engines_session_and_group(self):
        inject, pid = self.pause("--for", "10m", start_new_session=True)
        watchdog, = self.watchdogs()
        self.assertNotEqual(os.getsid(watchdog), os.getsid(inject.pid))
        parent = pathlib.Path(f"/proc/{watchdog}/stat").read_text().rsplit(")", 1)[1].split()[1]
        self.assertNotEqual(int(parent), inject.pid)
        os.killpg(inject.pid, signal.SIGKILL)
        self.wait_until_it_goes_on(pid)

    def test_it_keeps_nothing_of_the_engine_open(self):
        inject, pid = self.pause("--for", "10m")
        watchdog, = self.watchdogs()
        open_files = [os.readlink(entry) for entry in
                      pathlib.Path(f"/proc/{watchdog}/fd").iterdir() if entry.is_symlink()]
        self.assertFalse([name for name in open_files if name.startswith("pipe:")], open_files)
        # Else who reads the engine's output to its end waits for the watchdog.
        inject.kill()
        inject.communicate(timeout=30)

    def test_an_engine_that_hangs_is_overruled_by_the_ttl(self):
        inject, pid = self.pause("--for", "1s", "--ttl", "2s")
        inject.send_signal(signal.SIGSTOP)
        self.wait_until_it_goes_on(pid)
        self.wait_for(lambda: not self.records(), "an empty undo journal")
        inject.send_signal(signal.SIGCONT)
        self.assertEqual(self.finish_text(inject), 0)

    def finish_text(self, process):
        process.communicate(timeout=60)
        return process.returncode

    def test_one_serves_all_and_ends_when_nothing_is_in(self):
        first, pid_a = self.pause("--for", "10m")
        pid_b = self.pid("b")
        second = self.start("inject", "service_pause", "--target", "b", "--for", "10m")
        self.wait_for_state(pid_b, "T")
        # The second gives up when it has not got its turn.
        self.wait_for(lambda: len(self.watchdogs()) == 1, "a single watchdog")
        first.kill()
        second.kill()
        self.wait_until_it_goes_on(pid_a)
        self.wait_until_it_goes_on(pid_b)
        self.wait_for(lambda: not self.watchdogs(), "the watchdog's end")

    def test_a_stranger_with_the_services_pid_is_never_signalled(self):
        """The record names a process that has ended, and whose PID somebody else has now."""
        inject, pid = self.pause("--for", "10m")
        record, = self.records()
        stranger = self.pid("b")
        os.kill(stranger, signal.SIGSTOP)
        self.wait_for_state(stranger, "T")
        path = self.home / "undo" / (record["id"] + ".json")
        text = path.read_text()
        ticks = record["undo"]["processes"][0]["start_ticks"]
        self.assertIn(f'"pid":{pid},"start_ticks":{ticks}', text)
        path.write_text(text.replace(f'"pid":{pid},"start_ticks":{ticks}',
                                     f'"pid":{stranger},"start_ticks":{ticks - 1}'))
        inject.kill()
        self.wait_for(lambda: not self.records(), "an empty undo journal")
        self.assertEqual(state(stranger), "T")
        os.kill(stranger, signal.SIGCONT)
        os.kill(pid, signal.SIGCONT)


if __name__ == "__main__":
    unittest.main()
