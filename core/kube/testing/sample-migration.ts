// A Migration as a person makes it.
import { migrationSpecSchema, type Migration } from '#core/api/migration.ts';
import { groupVersion } from '#core/api/names.ts';

export function sampleMigration({
  name,
  namespace = 'shop',
  ...rest
}: { name: string; namespace?: string } & Pick<Partial<Migration>, 'status'>): Migration {
  return {
    apiVersion: groupVersion,
    kind: 'Migration',
    metadata: { name, namespace },
    spec: migrationSpecSchema.parse({ podName: 'shop-0' }),
    ...rest,
  };
}
