// Processes that joined a container from outside are told from its own.
import test from 'ava';
import { outsiders } from './process-tree.ts';

const cases: [string, [number, number][], number[]][] = [
  [
    'children and grandchildren belong to it',
    [
      [10, 1],
      [11, 10],
      [12, 11],
    ],
    [],
  ],
  [
    'who has another parent does not, nor do its children',
    [
      [10, 1],
      [20, 7],
      [21, 20],
    ],
    [20, 21],
  ],
  [
    'one that has ended is left out',
    [
      [10, 1],
      [20, 20],
    ],
    [],
  ],
  [
    'a circle of process ids that were used again ends',
    [
      [10, 1],
      [20, 21],
      [21, 20],
    ],
    [20, 21],
  ],
];
for (const [what, parents, wanted] of cases) test(what, (t) => t.deepEqual(outsiders(10, new Map(parents)), wanted));
