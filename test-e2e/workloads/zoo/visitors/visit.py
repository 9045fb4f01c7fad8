# Who looks after an animal of the zoo: works with it without pause, and for each line on stdin says how that went.
# Usage: visit.py VISITOR COUNT ADDRESS PORT [ARGUMENT...]
# COUNT visitors of a class below; each line is answered by {"done": ..., "faults": [...]} once every one of them has
# done some more.
import json
import sys
import threading
import time

import caches
import databases
import streams
import web
from streams import LIMIT_S

MODULES = (caches, databases, streams, web)
PAUSE_S = 0.005
MORE = 10


class Turns:
    """One visitor in a thread of its own; what it says no more to than once is in `faults`, and ends it."""

    def __init__(self, visitor):
        self.visitor = visitor
        self.done = 0
        self.faults = []
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        try:
            while True:
                self.visitor.visit()
                self.done += 1
                time.sleep(PAUSE_S)
        except Exception as error:
            self.faults.append(f"visit {self.done + 1}: {error!r}")

    def more(self):
        """What is wrong, after some more visits."""
        goal, deadline = self.done + MORE, time.monotonic() + LIMIT_S
        while self.done < goal and not self.faults:
            if time.monotonic() > deadline:
                return [f"only {MORE - goal + self.done} of {MORE} visits within {LIMIT_S} s"]
            time.sleep(0.005)
        return self.faults


def answer(turns):
    faults = [fault for turn in turns for fault in turn.more()]
    for turn in turns:
        try:
            if not faults:
                turn.visitor.check()
        except Exception as error:
            faults.append(f"check: {error!r}")
    return {"done": sum(turn.done for turn in turns), "faults": faults[:5]}


name, count, *arguments = sys.argv[1:]
kind = next(getattr(module, name) for module in MODULES if hasattr(module, name))
turns = [Turns(visitor) for visitor in [kind(*arguments) for _ in range(int(count))]]
for _ in sys.stdin:
    print(json.dumps(answer(turns)), flush=True)
