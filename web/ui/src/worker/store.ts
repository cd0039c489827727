import type { Store } from "./files";

// The home of one browser profile at one origin: an object store of paths and bytes.
const database = "manx";
const table = "home";

function asked<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

function opened(): Promise<IDBDatabase> {
  const request = indexedDB.open(database, 1);
  request.onupgradeneeded = () => request.result.createObjectStore(table);
  return asked(request);
}

export async function homeStore(): Promise<Store> {
  const db = await opened();
  return {
    async load() {
      const rows = db.transaction(table).objectStore(table);
      const [keys, values] = await Promise.all([asked(rows.getAllKeys()), asked(rows.getAll())]);
      return new Map(keys.map((key, i) => [String(key), values[i] as Uint8Array]));
    },
    write(changes) {
      return new Promise((resolve, reject) => {
        const change = db.transaction(table, "readwrite", { durability: "strict" });
        change.oncomplete = () => resolve();
        change.onabort = change.onerror = () => reject(change.error);
        const rows = change.objectStore(table);
        for (const [path, bytes] of changes) {
          if (bytes) rows.put(bytes, path);
          else rows.delete(path);
        }
      });
    },
  };
}

// accountsHere lists the accounts that have keys in this browser, without starting the
// module: "patient" is the home itself, the others are folders in it.
export async function accountsHere(): Promise<string[]> {
  const db = await opened();
  try {
    const paths = (await asked(db.transaction(table).objectStore(table).getAllKeys())).map(String);
    return paths.flatMap((path) => {
      const at = /^\/home(?:\/([a-z-]+))?\/keyring\.age$/.exec(path);
      return at ? [at[1] ?? "patient"] : [];
    });
  } finally {
    db.close();
  }
}
