// Writes an OCI image archive (image-layout as one tar) from layer tars, so that no registry and no image builder is
// needed.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { link, mkdir, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { mustRun } from '#hosts/command.ts';

export interface ImageSource {
  /** Full reference, e.g. `godwit.test/redis:1`. */
  reference: string;
  /** Uncompressed layer tars, lowest first; the same file in several images is stored once. */
  layers: readonly string[];
  command: readonly string[];
}

interface Descriptor {
  mediaType: string;
  digest: string;
  size: number;
}

/**
 * Writes `images` to the tar `target`; `scratch` is a folder on the same filesystem as the layers, removed afterwards.
 */
export async function writeOciArchive(images: readonly ImageSource[], target: string, scratch: string): Promise<void> {
  const blobs = path.join(scratch, 'blobs/sha256');
  await mkdir(blobs, { recursive: true });
  const layers = new Map<string, Descriptor>();
  for (const file of new Set(images.flatMap((image) => image.layers))) layers.set(file, await addLayer(blobs, file));
  const manifests = [];
  for (const image of images)
    manifests.push(
      await addImage(
        blobs,
        image,
        image.layers.flatMap((file) => layers.get(file) ?? []),
      ),
    );
  await writeFile(
    path.join(scratch, 'index.json'),
    JSON.stringify({ schemaVersion: 2, mediaType: 'application/vnd.oci.image.index.v1+json', manifests }),
  );
  await writeFile(path.join(scratch, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }));
  await mustRun(['tar', '--create', '--file', target, '--directory', scratch, 'oci-layout', 'index.json', 'blobs']);
  await rm(scratch, { recursive: true });
}

async function addImage(blobs: string, { reference, command }: ImageSource, layers: readonly Descriptor[]) {
  const config = await addJson(blobs, 'application/vnd.oci.image.config.v1+json', {
    architecture: process.arch === 'x64' ? 'amd64' : process.arch,
    os: 'linux',
    config: {
      Cmd: command,
      Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'LANG=C.UTF-8'],
    },
    rootfs: { type: 'layers', diff_ids: layers.map((layer) => layer.digest) },
  });
  const mediaType = 'application/vnd.oci.image.manifest.v1+json';
  const manifest = await addJson(blobs, mediaType, { schemaVersion: 2, mediaType, config, layers });
  return {
    ...manifest,
    annotations: {
      'io.containerd.image.name': reference,
      'org.opencontainers.image.ref.name': reference.split(':').at(-1),
    },
  };
}

async function addLayer(blobs: string, file: string): Promise<Descriptor> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file, { highWaterMark: 2 ** 20 }), hash);
  const hex = hash.digest('hex');
  await link(file, path.join(blobs, hex));
  return {
    mediaType: 'application/vnd.oci.image.layer.v1.tar',
    digest: `sha256:${hex}`,
    size: (await stat(file)).size,
  };
}

async function addJson(blobs: string, mediaType: string, value: unknown): Promise<Descriptor> {
  const bytes = Buffer.from(JSON.stringify(value));
  const hex = createHash('sha256').update(bytes).digest('hex');
  await writeFile(path.join(blobs, hex), bytes);
  return { mediaType, digest: `sha256:${hex}`, size: bytes.length };
}
