# A terminal multiplexer with a person who looks at it: tmux on a terminal of ours, in whose windows shells count.
import os
import pty
import subprocess
import sys
import threading
import time

from answers import serve

LIMIT_S = 60
LOOP = "n=0; while :; do n=$((n+1)); echo at-$n; sleep 0.05; done"
WINDOWS = ("one", "two")
shown = [0]


def tmux(*words):
    return subprocess.run(["tmux", *words], check=True, capture_output=True, text=True, timeout=LIMIT_S).stdout


def look(screen):
    """What a person sees: everything that tmux writes to its terminal."""
    while data := os.read(screen, 65536):
        shown[0] += len(data)


def number_in(window):
    lines = [line for line in tmux("capture-pane", "-p", "-t", f"zoo:{window}").split("\n") if line.startswith("at-")]
    return int(lines[-1].removeprefix("at-")) if lines else 0


def grows(what, get):
    before, deadline = get(), time.monotonic() + LIMIT_S
    while get() <= before:
        assert time.monotonic() < deadline, f"{what} stands still at {before}"
        time.sleep(0.02)


def check():
    for window in WINDOWS:
        grows(f"window {window}", lambda: number_in(window))
    grows("the screen", lambda: shown[0])


person, screen = pty.fork()
if person == 0:
    os.environ["TERM"] = "xterm-256color"
    os.execvp("tmux", ["tmux", "new-session", "-s", "zoo", "-n", WINDOWS[0], "bash", "-c", LOOP])
threading.Thread(target=look, args=(screen,), daemon=True).start()
deadline = time.monotonic() + LIMIT_S
while subprocess.run(["tmux", "has-session", "-t", "zoo"], capture_output=True).returncode:
    assert time.monotonic() < deadline, "tmux did not start"
    time.sleep(0.05)
tmux("new-window", "-d", "-t", "zoo", "-n", WINDOWS[1], "bash", "-c", LOOP)
serve(int(sys.argv[1]), check)
