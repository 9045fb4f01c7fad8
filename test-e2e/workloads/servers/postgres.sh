# PostgreSQL on a fresh database that trusts its clients, as the only process tree of a container. Commits are durable as usual.
set -e
bin=$(echo /usr/lib/postgresql/*/bin)
data=/tmp/postgres
[ -d "$data" ] || "$bin/initdb" --pgdata="$data" --auth=trust --username=postgres --no-sync >/dev/null
exec "$bin/postgres" -D "$data" -c listen_addresses='*' -c unix_socket_directories=/tmp -c huge_pages=off -c io_method=worker \
  -c hba_file=/srv/pg_hba.conf -c max_connections=100
