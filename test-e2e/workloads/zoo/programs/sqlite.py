# SQLite in WAL mode: processes that commit to one database, each by the sqlite3 command and a pipe to it; what it
# acknowledged is there.
import itertools
import subprocess
import sys
import threading
import time

from answers import serve

WRITERS = 4
PATH = "/tmp/zoo.db"
SETTINGS = ".timeout 60000\npragma synchronous=normal;\npragma wal_autocheckpoint=200;\n"


class Shell:
    def __init__(self):
        self.process = subprocess.Popen(["sqlite3", "-batch", PATH], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.process.stdin.write(SETTINGS)

    def ask(self, statement):
        """The lines that it answers."""
        self.process.stdin.write(statement + "\n.print .\n")
        self.process.stdin.flush()
        return [line.strip() for line in iter(self.process.stdout.readline, ".\n") if line]


class Writer(Shell):
    def __init__(self, own):
        super().__init__()
        self.own, self.rows, self.faults = own, 0, []
        threading.Thread(target=self.write, daemon=True).start()

    def write(self):
        for number in itertools.count(1):
            said = self.ask(f"insert into rows values ({self.own}, {number}, hex(randomblob(200)));")
            if number > 1 and said:
                self.faults.append(f"row {number} of {self.own}: {said}")
                return
            self.rows = number
            time.sleep(0.01)


def check():
    for writer in writers:
        assert not writer.faults, writer.faults
        goal = writer.rows + 3
        while writer.rows < goal and not writer.faults:
            time.sleep(0.01)
    counted = [writer.rows for writer in writers]
    found = [int(line) for line in reader.ask("select count(*) from rows group by writer order by writer;")]
    assert all(there >= acknowledged for there, acknowledged in zip(found, counted)), (found, counted)
    assert reader.ask("pragma integrity_check;") == ["ok"]


first = Shell()
first.ask("pragma journal_mode=wal;\ncreate table rows (writer int, number int, content text, primary key (writer, number));")
writers = [Writer(own) for own in range(WRITERS)]
reader = Shell()
reader.ask("")
serve(int(sys.argv[1]), check)
