# 500 threads, each of which goes on; every one has to have gone on between two looks.
import sys
import threading
import time

from answers import serve

THREADS = 500
LIMIT_S = 60
steps = [0] * THREADS


def work(index):
    while True:
        steps[index] += 1
        time.sleep(0.2)


def check():
    before, deadline = list(steps), time.monotonic() + LIMIT_S
    while any(now <= then for now, then in zip(steps, before)):
        assert time.monotonic() < deadline, f"threads stand still: {[index for index in range(THREADS) if steps[index] <= before[index]][:9]}"
        time.sleep(0.02)


threading.stack_size(64 * 1024)
for index in range(THREADS):
    threading.Thread(target=work, args=(index,), daemon=True).start()
serve(int(sys.argv[1]), check)
