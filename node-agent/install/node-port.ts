// What the installer does to a node, as a port: the real one works from the agent's container, the tests' one in
// memory.

export interface NodeFiles {
  /** Undefined when there is no such file. */
  read(path: string): string | undefined;
  /**
   * Whole or not at all, also after a power cut. `mode` of a new file, 0644 if none is said: one that exists keeps its
   * own.
   */
  write(path: string, text: string, mode?: number): void;
  /** Harmless when it is not there. */
  remove(path: string): void;
  /** Names in a directory; none when it is not there. */
  list(directory: string): string[];
}

export interface ContainerdNode extends NodeFiles {
  containerd: {
    /** The file that containerd was started with; it need not exist. */
    configPath: string;
    /** `containerd config dump` for a file; ERR_COMMAND when containerd does not accept it. */
    dump(configPath: string): string;
    /** Returns when containerd serves again; ERR_COMMAND when it does not. */
    restart(): void;
  };
}
