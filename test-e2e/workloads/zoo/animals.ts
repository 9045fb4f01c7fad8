// The zoo: programs that people run, each as its package configures it, with who works with it while it moves. One row
// each.

export interface Animal {
  name: string;
  /** Command line of its first process; `/zoo` is the folder `programs` here. */
  command: readonly string[];
  /** As whom it runs: `root`, a number, or a user of the image. Each is moved. */
  users: readonly string[];
  port: number;
  /** Class in `visitors/` and how many of them there are, then what it is told beside address and port. */
  visitors: readonly [kind: string, count: number, ...more: string[]];
  env?: Readonly<Record<string, string>>;
  /** Limit of open files. @default 1024 */
  openFiles?: number;
  /** It cannot move, and preflight says so by this code. */
  refused?: string;
}

/** Most programs do not mind. */
const anybody = ['root', '10001'] as const;
const python = (program: string): string[] => ['python3', '-u', `/zoo/${program}`, '9000'];

export const animals: readonly Animal[] = [
  {
    // its workers are www-data
    name: 'nginx, a download of 200 MiB',
    command: ['sh', '/zoo/nginx.sh'],
    users: ['root'],
    port: 80,
    visitors: ['Download', 1, '/numbers'],
  },
  {
    name: 'Redis with an append-only file, saving in the background',
    users: anybody,
    port: 6379,
    visitors: ['Redis', 2],
    command: [
      'redis-server',
      '--bind',
      '*',
      '--protected-mode',
      'no',
      '--dir',
      '/tmp',
      '--appendonly',
      'yes',
      '--rdb-key-save-delay',
      '500',
    ],
  },
  {
    name: 'MariaDB',
    command: ['sh', '/zoo/mariadb.sh'],
    users: ['root', 'mysql'],
    port: 3306,
    visitors: ['MariaDb', 3],
  },
  // it refuses root
  {
    name: 'PostgreSQL',
    command: ['sh', '/zoo/postgresql.sh'],
    users: ['postgres'],
    port: 5432,
    visitors: ['PostgreSql', 3],
  },
  {
    name: 'memcached with 1,000 connections',
    command: ['memcached', '-u', 'memcache', '-c', '2048'],
    users: anybody,
    port: 11_211,
    visitors: ['Memcached', 1],
    openFiles: 4096,
  },
  {
    name: 'memcached with 1,000 connections, as many as it takes',
    command: ['memcached', '-u', 'memcache'],
    users: ['root'],
    port: 11_211,
    visitors: ['Memcached', 1],
    refused: 'PREFLIGHT_DESCRIPTOR_LIMIT', // it has 1,024 descriptors, whatever its limit is
  },
  {
    name: 'OpenJDK 25 with a churning heap',
    command: ['sh', '/zoo/java.sh', '9000'],
    users: anybody,
    port: 9000,
    visitors: ['Counts', 2],
  },
  {
    name: 'a Go server (Caddy)',
    command: ['caddy', 'file-server', '--listen', ':9000', '--root', '/usr/share/caddy'],
    users: anybody,
    port: 9000,
    visitors: ['Same', 2],
    env: { HOME: '/tmp' },
  },
  {
    name: 'Node.js with workers',
    command: ['nodejs', '/zoo/counter.mjs', '9000'],
    users: anybody,
    port: 9000,
    visitors: ['Counted', 3],
  },
  {
    name: 'Python: asyncio with a pool of processes',
    command: python('pool.py'),
    users: anybody,
    port: 9000,
    visitors: ['Counts', 2],
  },
  {
    name: 'Python: gunicorn',
    users: anybody,
    port: 9000,
    visitors: ['Afresh', 2],
    command: ['gunicorn', '--workers', '3', '--bind', '0.0.0.0:9000', '--chdir', '/zoo', 'application:application'],
  },
  {
    name: 'Python: named semaphores and former names',
    command: python('semaphores.py'),
    users: anybody,
    port: 9000,
    visitors: ['Asks', 1],
  },
  {
    name: 'SQLite in WAL mode, four writers',
    command: python('sqlite.py'),
    users: anybody,
    port: 9000,
    visitors: ['Asks', 1],
  },
  { name: '500 threads', command: python('threads.py'), users: anybody, port: 9000, visitors: ['Asks', 1] },
  { name: 'a storm of forks', command: python('forks.py'), users: anybody, port: 9000, visitors: ['Asks', 1] },
  { name: 'tmux', command: python('terminals.py'), users: anybody, port: 9000, visitors: ['Asks', 1] },
  {
    name: 'PHP-FPM as it is',
    command: ['sh', '/zoo/php.sh'],
    users: ['root'],
    port: 80,
    visitors: ['Numbers', 1, '/numbers.php'],
    refused: 'PREFLIGHT_SHARED_CODE',
  },
  {
    // its workers are www-data
    name: 'PHP-FPM without JIT',
    command: ['sh', '/zoo/php.sh', '-d', 'opcache.jit_buffer_size=0'],
    users: ['root'],
    port: 80,
    visitors: ['Numbers', 2, '/numbers.php'],
  },
];
