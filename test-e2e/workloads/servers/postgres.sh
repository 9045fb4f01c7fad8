# PostgreSQL on a fresh database that trusts its clients, as the only process tree of a container. Commits are durable
# as usual.
set -e
bin=$(echo /usr/lib/postgresql/*/bin)
data=/tmp/postgres
if [ ! -d "$data" ]; then
  mkdir -m 700 "$data"
  chown postgres: "$data"
  setpriv --reuid=postgres --regid=postgres --clear-groups "$bin/initdb" --pgdata="$data" --auth=trust --no-sync >/dev/null
fi
exec setpriv --reuid=postgres --regid=postgres --clear-groups "$bin/postgres" -D "$data" -c listen_addresses='*' -c unix_socket_directories=/tmp -c huge_pages=off -c io_method=worker \
  -c hba_file=/srv/pg_hba.conf -c max_connections=100
