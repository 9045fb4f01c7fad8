# A server for animals that check themselves: every line is answered by `ok`, or by what is wrong.
import socket
import threading
import traceback

lock = threading.Lock()


def answer(check):
    with lock:
        try:
            check()
            return "ok"
        except Exception:
            return traceback.format_exc().replace("\n", " | ")


def serve_lines(connection, check):
    with connection, connection.makefile("rw") as lines:
        for _ in lines:
            lines.write(answer(check) + "\n")
            lines.flush()


def serve(port, check):
    """Never returns. `check` raises what is wrong; it is called by one thread at a time."""
    with socket.create_server(("", port)) as listener:
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=serve_lines, args=(connection, check), daemon=True).start()
