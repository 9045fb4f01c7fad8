# Visitors of databases: what was acknowledged is there.
import itertools

import psycopg2
import pymysql

from streams import LIMIT_S, Visitor

EVERY = 20
numbers = itertools.count()


class Rows(Visitor):
    """Commits one row after the other, and counts them."""

    def __init__(self):
        self.own = next(numbers)
        self.rows = 0
        self.run("create table if not exists visits (visitor int, number int, content varchar(400), primary key (visitor, number))")
        self.connection.commit()

    def run(self, statement, *values):
        with self.connection.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchall() if cursor.description else []

    def visit(self):
        self.rows += 1
        self.run("insert into visits values (%s, %s, %s)", self.own, self.rows, "x" * 400)
        self.connection.commit()
        if self.rows % EVERY == 0:
            self.run("update visits set content = %s where visitor = %s and number > %s", "y" * 300, self.own, self.rows - EVERY)
            found = self.run("select count(*), max(number) from visits where visitor = %s", self.own)
            assert tuple(found[0]) == (self.rows, self.rows), f"{found[0]} of {self.rows} rows"
            self.connection.commit()


class MariaDb(Rows):
    def __init__(self, address, port):
        self.server = {"host": address, "port": int(port), "user": "visitor", "database": "test", "read_timeout": LIMIT_S, "write_timeout": LIMIT_S}
        self.connection = pymysql.connect(**self.server)
        super().__init__()

    def check(self):
        with pymysql.connect(**self.server) as other, other.cursor() as cursor:
            cursor.execute("check table visits")
            assert cursor.fetchall()[-1][-1] == "OK"


class PostgreSql(Rows):
    def __init__(self, address, port):
        self.server = {"host": address, "port": int(port), "user": "postgres", "dbname": "postgres"}
        self.connection = psycopg2.connect(**self.server)
        super().__init__()

    def check(self):
        with psycopg2.connect(**self.server) as other, other.cursor() as cursor:
            cursor.execute("select count(*) from visits where visitor = %s", [self.own])
            assert cursor.fetchall()[0][0] >= self.rows - 1
