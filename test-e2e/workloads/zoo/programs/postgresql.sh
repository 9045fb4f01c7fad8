#!/bin/sh
# PostgreSQL as Debian configures it, with a user who may come from everywhere.
version=$(ls /usr/lib/postgresql)
home=$HOME/$version/main
pg_createcluster --socketdir /tmp "$version" main >/dev/null
exec "/usr/lib/postgresql/$version/bin/postgres" -D "$home" -c "config_file=/etc/postgresql/$version/main/postgresql.conf" \
  -c hba_file=/zoo/pg_hba.conf -c 'listen_addresses=*'
