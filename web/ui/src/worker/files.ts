// A file system for the Go module, in the shape that its runtime asks for (Node's
// fs with callbacks). Three places:
//
//   /home   the owner's home: kept in IndexedDB, and on disk there before fsync,
//           close, rename and unlink return; so what the module holds to be
//           durable is
//   /pick   files that were chosen on the page: read in pieces, never copied whole
//   /tmp    memory
//
// A file that was removed lives on for who has it open. Chosen files have a second way to
// be read, chosen, into room that the reader keeps (health/chosen_js.go).

import { free } from "./free";

export interface Store {
  load(): Promise<Map<string, Uint8Array>>;
  // write makes some changes at once or not at all; null removes.
  write(changes: Map<string, Uint8Array | null>): Promise<void>;
}

interface Folder { kind: "folder"; names: Set<string> }
interface Held { kind: "held"; bytes: Uint8Array; size: number; dirty: boolean; changed: number }
interface Picked { kind: "picked"; blob: Blob }
type Node = Folder | Held | Picked;
interface Open { node: Node; path: string; at: number; append: boolean }

// A Chosen file is read into a given room from a place on, as far as either goes.
export interface Chosen { read(into: Uint8Array, at: number): Promise<number> }

type Callback = (err: unknown, ...out: unknown[]) => void;

// What is read of a chosen file at once, where less is asked for; one piece is kept.
const piece = 256 << 10;

class Failure extends Error {
  constructor(public code: string) { super(code); }
}

const parent = (path: string) => path.slice(0, path.lastIndexOf("/")) || "/";
const base = (path: string) => path.slice(path.lastIndexOf("/") + 1);

function clean(path: string): string {
  const out: string[] = [];
  for (const part of path.split("/")) {
    if (part === "..") out.pop();
    else if (part !== "" && part !== ".") out.push(part);
  }
  return "/" + out.join("/");
}

const kept = (path: string) => path.startsWith("/home/");

export class Files {
  constants = { O_WRONLY: 1, O_RDWR: 2, O_CREAT: 64, O_EXCL: 128, O_TRUNC: 512, O_APPEND: 1024, O_DIRECTORY: 65536 };
  private nodes = new Map<string, Node>([["/", { kind: "folder", names: new Set() }]]);
  private open_ = new Map<number, Open>();
  private next = 10;
  private line = "";
  private ahead?: { blob: Blob; from: number; bytes: Uint8Array<ArrayBuffer> }; // what was read last of chosen files

  constructor(private store: Store) {}

  async start(): Promise<void> {
    for (const path of ["/home", "/pick", "/tmp"]) this.put(path, { kind: "folder", names: new Set() });
    for (const [path, bytes] of await this.store.load()) {
      this.folders(parent(path));
      this.put(path, { kind: "held", bytes, size: bytes.length, dirty: false, changed: Date.now() });
    }
  }

  // mount shows chosen files as a folder of /pick and returns its path.
  mount(name: string, files: { path: string; file: Blob }[]): string {
    const root = "/pick/" + name;
    this.folders(root);
    for (const { path, file } of files) {
      const at = clean(root + "/" + path);
      this.folders(parent(at));
      this.put(at, { kind: "picked", blob: file });
    }
    return root;
  }

  unmount(name: string) {
    if (this.ahead) free(this.ahead.bytes.buffer);
    this.ahead = undefined;
    const root = "/pick/" + name;
    for (const path of [...this.nodes.keys()]) if (path === root || path.startsWith(root + "/")) this.drop(path);
  }

  // chosen opens a chosen file past Go's os; there is none by another path.
  chosen(path: string): Chosen | undefined {
    const node = this.nodes.get(clean(path));
    if (node?.kind !== "picked") return undefined;
    return { read: (into, at) => this.picked(node.blob, into, at) };
  }

  private folders(path: string) {
    if (this.nodes.has(path)) return;
    this.folders(parent(path));
    this.put(path, { kind: "folder", names: new Set() });
  }

  private put(path: string, node: Node) {
    const dir = this.nodes.get(parent(path));
    if (!dir) throw new Failure("ENOENT");
    if (dir.kind !== "folder") throw new Failure("ENOTDIR");
    dir.names.add(base(path));
    this.nodes.set(path, node);
  }

  private drop(path: string) {
    const dir = this.nodes.get(parent(path));
    if (dir?.kind === "folder") dir.names.delete(base(path));
    this.nodes.delete(path);
  }

  private at(path: string): Node {
    const node = this.nodes.get(clean(path));
    if (!node) throw new Failure("ENOENT");
    return node;
  }

  private of(fd: number): Open {
    const open = this.open_.get(fd);
    if (!open) throw new Failure("EBADF");
    return open;
  }

  private answer(done: Callback, work: () => unknown) {
    const failed = (e: unknown) => done(e instanceof Failure ? e : new Failure("EIO"));
    let out: unknown;
    try {
      out = work();
    } catch (e) {
      return failed(e);
    }
    if (out instanceof Promise) out.then((v) => done(null, v), failed);
    else done(null, out);
  }

  private stats(node: Node) {
    const folder = node.kind === "folder";
    const size = node.kind === "held" ? node.size : node.kind === "picked" ? node.blob.size : 0;
    const time = node.kind === "held" ? node.changed : 0;
    return {
      dev: 0, ino: 0, mode: folder ? 0o040700 : 0o100600, nlink: 1, uid: 0, gid: 0, rdev: 0, size, blksize: 4096,
      blocks: Math.ceil(size / 512), atimeMs: time, mtimeMs: time, ctimeMs: time, isDirectory: () => folder,
    };
  }

  private async save(path: string, node: Node): Promise<void> {
    if (node.kind !== "held" || !node.dirty || !kept(path) || this.nodes.get(path) !== node) return;
    node.dirty = false;
    try {
      await this.store.write(new Map([[path, node.bytes.slice(0, node.size)]]));
    } catch (e) {
      node.dirty = true;
      throw e;
    }
  }

  open(path: string, flags: number, _mode: number, done: Callback) {
    this.answer(done, () => {
      path = clean(path);
      const c = this.constants;
      let node = this.nodes.get(path);
      if (node && flags & c.O_CREAT && flags & c.O_EXCL) throw new Failure("EEXIST");
      if (!node) {
        if (!(flags & c.O_CREAT)) throw new Failure("ENOENT");
        node = { kind: "held", bytes: new Uint8Array(0), size: 0, dirty: true, changed: Date.now() };
        this.put(path, node);
      }
      const writes = flags & (c.O_WRONLY | c.O_RDWR);
      if (node.kind === "folder" && writes) throw new Failure("EISDIR");
      if (node.kind === "picked" && writes) throw new Failure("EROFS");
      if (node.kind !== "folder" && flags & c.O_DIRECTORY) throw new Failure("ENOTDIR");
      if (node.kind === "held" && flags & c.O_TRUNC) Object.assign(node, { size: 0, dirty: true });
      const fd = this.next++;
      this.open_.set(fd, { node, path, at: 0, append: (flags & c.O_APPEND) !== 0 });
      return fd;
    });
  }

  close(fd: number, done: Callback) {
    this.answer(done, () => {
      const open = this.of(fd);
      this.open_.delete(fd);
      return this.save(open.path, open.node);
    });
  }

  fsync(fd: number, done: Callback) {
    this.answer(done, () => this.save(this.of(fd).path, this.of(fd).node));
  }

  read(fd: number, into: Uint8Array, offset: number, length: number, position: number | null, done: Callback) {
    this.answer(done, () => {
      const open = this.of(fd);
      const at = position ?? open.at;
      const moved = (n: number) => {
        if (position === null) open.at = at + n;
        return n;
      };
      if (open.node.kind === "folder") throw new Failure("EISDIR");
      if (open.node.kind === "held") {
        const part = open.node.bytes.subarray(at, Math.min(at + length, open.node.size));
        into.set(part, offset);
        return moved(part.length);
      }
      return this.picked(open.node.blob, into.subarray(offset, offset + length), at).then(moved);
    });
  }

  private async picked(blob: Blob, into: Uint8Array, at: number): Promise<number> {
    const want = Math.max(0, Math.min(into.length, blob.size - at));
    if (want === 0) return 0;
    let part = this.ahead;
    if (part?.blob !== blob || at < part.from || at + want > part.from + part.bytes.length) {
      part = { blob, from: at, bytes: new Uint8Array(await blob.slice(at, at + Math.max(want, piece)).arrayBuffer()) };
      if (part.bytes.length < want) throw new Failure("EIO"); // it changed on disk
      if (this.ahead) free(this.ahead.bytes.buffer);
      this.ahead = part;
    }
    into.set(part.bytes.subarray(at - part.from, at - part.from + want));
    return want;
  }

  write(fd: number, from: Uint8Array, offset: number, length: number, position: number | null, done: Callback) {
    this.answer(done, () => {
      if (fd === 1 || fd === 2) return this.say(from.subarray(offset, offset + length));
      const open = this.of(fd);
      const node = open.node;
      if (node.kind !== "held") throw new Failure("EBADF");
      const at = position ?? (open.append ? node.size : open.at);
      const end = at + length;
      if (end > node.bytes.length) {
        const more = new Uint8Array(Math.max(end, node.bytes.length * 2));
        more.set(node.bytes.subarray(0, node.size));
        node.bytes = more;
      } else if (at > node.size) node.bytes.fill(0, node.size, at);
      node.bytes.set(from.subarray(offset, offset + length), at);
      Object.assign(node, { size: Math.max(node.size, end), dirty: true, changed: Date.now() });
      if (position === null) open.at = end;
      return length;
    });
  }

  // What the module says of itself: only when it dies.
  writeSync(_fd: number, from: Uint8Array): number { return this.say(from); }

  private say(from: Uint8Array): number {
    this.line += new TextDecoder().decode(from);
    const lines = this.line.split("\n");
    this.line = lines.pop() ?? "";
    if (lines.length) console.error(lines.join("\n"));
    return from.length;
  }

  ftruncate(fd: number, length: number, done: Callback) {
    this.answer(done, () => this.cut(this.of(fd).node, length));
  }

  truncate(path: string, length: number, done: Callback) {
    this.answer(done, () => {
      const node = this.at(path);
      this.cut(node, length);
      return this.save(clean(path), node);
    });
  }

  private cut(node: Node, length: number) {
    if (node.kind !== "held") throw new Failure("EINVAL");
    const bytes = new Uint8Array(length);
    bytes.set(node.bytes.subarray(0, Math.min(length, node.size)));
    Object.assign(node, { bytes, size: length, dirty: true });
  }

  stat(path: string, done: Callback) { this.answer(done, () => this.stats(this.at(path))); }
  lstat(path: string, done: Callback) { this.stat(path, done); }
  fstat(fd: number, done: Callback) { this.answer(done, () => this.stats(this.of(fd).node)); }

  readdir(path: string, done: Callback) {
    this.answer(done, () => {
      const node = this.at(path);
      if (node.kind !== "folder") throw new Failure("ENOTDIR");
      return [...node.names];
    });
  }

  mkdir(path: string, _mode: number, done: Callback) {
    this.answer(done, () => {
      path = clean(path);
      if (this.nodes.has(path)) throw new Failure("EEXIST");
      this.put(path, { kind: "folder", names: new Set() });
    });
  }

  rmdir(path: string, done: Callback) {
    this.answer(done, () => {
      const node = this.at(path);
      if (node.kind !== "folder") throw new Failure("ENOTDIR");
      if (node.names.size) throw new Failure("ENOTEMPTY");
      this.drop(clean(path));
    });
  }

  unlink(path: string, done: Callback) {
    this.answer(done, async () => {
      path = clean(path);
      if (this.at(path).kind === "folder") throw new Failure("EISDIR");
      this.drop(path);
      if (kept(path)) await this.store.write(new Map([[path, null]]));
    });
  }

  rename(from: string, to: string, done: Callback) {
    this.answer(done, async () => {
      [from, to] = [clean(from), clean(to)];
      const node = this.at(from);
      if (node.kind !== "held") throw new Failure("EACCES");
      if (this.nodes.get(to)?.kind === "folder") throw new Failure("EISDIR");
      if (kept(from) || kept(to)) {
        const changes = new Map<string, Uint8Array | null>();
        if (kept(from)) changes.set(from, null);
        if (kept(to)) changes.set(to, node.bytes.slice(0, node.size));
        await this.store.write(changes);
        node.dirty = false;
      }
      this.drop(from);
      this.put(to, node);
      for (const open of this.open_.values()) if (open.node === node) open.path = to;
    });
  }

  // Permissions, owners and times mean nothing here.
  chmod(path: string, _mode: number, done: Callback) { this.answer(done, () => void this.at(path)); }
  fchmod(fd: number, _mode: number, done: Callback) { this.answer(done, () => void this.of(fd)); }
  chown(path: string, _uid: number, _gid: number, done: Callback) { this.answer(done, () => void this.at(path)); }
  fchown(fd: number, _uid: number, _gid: number, done: Callback) { this.answer(done, () => void this.of(fd)); }
  lchown(path: string, uid: number, gid: number, done: Callback) { this.chown(path, uid, gid, done); }
  utimes(path: string, _a: number, _m: number, done: Callback) { this.answer(done, () => void this.at(path)); }

  // There are no links.
  link(_a: string, _b: string, done: Callback) { done(new Failure("EPERM")); }
  symlink(_a: string, _b: string, done: Callback) { done(new Failure("EPERM")); }
  readlink(_a: string, done: Callback) { done(new Failure("EINVAL")); }
}
