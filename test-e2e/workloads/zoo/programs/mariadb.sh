#!/bin/sh
# MariaDB as Debian configures it, with a user who may come from everywhere.
[ "$(id -u)" != 0 ] || set -- --user=mysql
exec mariadbd --bind-address=0.0.0.0 --init-file=/zoo/mariadb.sql --socket=/tmp/mysqld.sock --pid-file=/tmp/mysqld.pid "$@"
