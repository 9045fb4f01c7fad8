// Huge pages come from a pool that the target may not have.
import { refuseAny, type SourceCheck } from '#agent/preflight/check.ts';
import { heldDescriptors, named } from '#agent/preflight/inspection.ts';

const hugeMapping = /^\/(anon_hugepage|memfd:.*hugetlb|dev\/hugepages\/)/;

export const hugePages: SourceCheck = {
  check: 'huge pages',
  code: 'PREFLIGHT_HUGE_PAGES',
  about: 'A process uses explicit huge pages (MAP_HUGETLB, hugetlbfs). Transparent ones move.',
  run({ inspection: { processes } }) {
    const mapped = processes.filter(({ mappedPaths }) => mappedPaths.some((path) => hugeMapping.test(path))).map(named);
    const open = heldDescriptors(processes, ({ huge = false }) => huge);
    return refuseAny(
      [...mapped, ...open],
      'none',
      'in use',
      'Turn huge pages off in the program (`huge_pages=off` for PostgreSQL).',
    );
  },
};
