// Writes container images without a container engine: an OCI layout as one tar, which `ctr images import` takes.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  createReadStream,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';

/** What a layer holds: a directory as it is, or single files placed in an otherwise empty tree (mode 0755). */
export type Layer = { directory: string; exclude?: readonly string[] } | { files: Readonly<Record<string, string>> };

export interface Image {
  /** Full reference, e.g. `localhost/godwit/controller:dev`. */
  name: string;
  layers: readonly Layer[];
  entrypoint?: readonly string[];
  command?: readonly string[];
  env?: Readonly<Record<string, string>>;
  /** `uid` or `uid:gid`. */
  user?: string;
  workingDirectory?: string;
}

interface Descriptor {
  mediaType: string;
  digest: string;
  size: number;
}

const path = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const types = {
  layer: 'application/vnd.oci.image.layer.v1.tar',
  config: 'application/vnd.oci.image.config.v1+json',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
};
/** Sorted, without times and owners: the same content is the same image. */
const reproducible = [
  '--sort=name',
  '--mtime=@0',
  '--numeric-owner',
  '--owner=0',
  '--group=0',
  '--pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime',
];

/** Writes `images` to the tar file `target`, replacing it at once when all is done. */
export async function writeImages(images: readonly Image[], target: string): Promise<void> {
  mkdirSync(dirname(target), { recursive: true });
  const work = mkdtempSync(join(dirname(target), '.oci-'));
  try {
    const layout = new Layout(work);
    const manifests = [];
    for (const image of images) manifests.push(await layout.add(image));
    layout.finish(manifests);
    execFileSync('tar', ['-C', join(work, 'layout'), ...reproducible, '-cf', join(work, 'images.tar'), '.']);
    renameSync(join(work, 'images.tar'), target);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

class Layout {
  readonly #work: string;
  readonly #blobs: string;
  /** Layers that several images share are packed once. */
  readonly #packed = new Map<Layer, Descriptor>();

  constructor(work: string) {
    this.#work = work;
    this.#blobs = join(work, 'layout/blobs/sha256');
    mkdirSync(this.#blobs, { recursive: true });
  }

  async add({ name, layers, entrypoint, command, env = {}, user, workingDirectory }: Image): Promise<object> {
    const packed: Descriptor[] = [];
    for (const layer of layers) packed.push(await this.#pack(layer));
    const config = this.#write(types.config, {
      architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
      os: 'linux',
      config: {
        Env: [path, ...Object.entries(env).map(([key, value]) => `${key}=${value}`)],
        ...(entrypoint === undefined ? {} : { Entrypoint: entrypoint }),
        ...(command === undefined ? {} : { Cmd: command }),
        ...(user === undefined ? {} : { User: user }),
        ...(workingDirectory === undefined ? {} : { WorkingDir: workingDirectory }),
      },
      rootfs: { type: 'layers', diff_ids: packed.map(({ digest }) => digest) },
    });
    const manifest = this.#write(types.manifest, {
      schemaVersion: 2,
      mediaType: types.manifest,
      config,
      layers: packed,
    });
    return {
      ...manifest,
      annotations: {
        'io.containerd.image.name': name,
        'org.opencontainers.image.ref.name': name.slice(name.lastIndexOf(':') + 1),
      },
    };
  }

  finish(manifests: readonly object[]): void {
    writeFileSync(join(this.#work, 'layout/index.json'), JSON.stringify({ schemaVersion: 2, manifests }));
    writeFileSync(join(this.#work, 'layout/oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }));
  }

  async #pack(layer: Layer): Promise<Descriptor> {
    const earlier = this.#packed.get(layer);
    if (earlier !== undefined) return earlier;
    const packed = await this.#packAnew(layer);
    this.#packed.set(layer, packed);
    return packed;
  }

  async #packAnew(layer: Layer): Promise<Descriptor> {
    const tar = join(this.#work, 'layer.tar');
    const directory = 'directory' in layer ? layer.directory : this.#stage(layer.files);
    const exclude = 'directory' in layer ? (layer.exclude ?? []).map((pattern) => `--exclude=${pattern}`) : [];
    execFileSync('tar', ['-C', directory, ...reproducible, ...exclude, '-cf', tar, '.']);
    const digest = await sha256(tar);
    const { size } = statSync(tar);
    renameSync(tar, join(this.#blobs, digest));
    return { mediaType: types.layer, digest: `sha256:${digest}`, size };
  }

  #stage(files: Readonly<Record<string, string>>): string {
    const stage = mkdtempSync(join(this.#work, 'stage-'));
    chmodSync(stage, 0o755);
    for (const [place, source] of Object.entries(files)) {
      mkdirSync(dirname(join(stage, place)), { recursive: true, mode: 0o755 });
      copyFileSync(source, join(stage, place));
      chmodSync(join(stage, place), 0o755);
    }
    return stage;
  }

  #write(mediaType: string, content: object): Descriptor {
    const bytes = Buffer.from(JSON.stringify(content));
    const digest = createHash('sha256').update(bytes).digest('hex');
    writeFileSync(join(this.#blobs, digest), bytes);
    return { mediaType, digest: `sha256:${digest}`, size: bytes.length };
  }
}

async function sha256(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 })) hash.update(chunk);
  return hash.digest('hex');
}
