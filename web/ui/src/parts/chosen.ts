// Files as people choose them: dropped folders are walked, names kept as they are.
export interface Chosen { path: string; file: File }

const most = 200_000; // files, as the module takes

async function walk(entry: FileSystemEntry, out: Chosen[]): Promise<void> {
  if (out.length >= most) return;
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
    out.push({ path: entry.fullPath, file });
    return;
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (some.length === 0) return;
    for (const next of some) await walk(next, out);
  }
}

export async function dropped(data: DataTransfer): Promise<Chosen[]> {
  const entries = [...data.items].map((item) => item.webkitGetAsEntry()).filter((e) => e !== null);
  const out: Chosen[] = [];
  for (const entry of entries) await walk(entry, out);
  return out;
}

export const listed = (files: FileList | null): Chosen[] =>
  [...(files ?? [])].map((file) => ({ path: file.webkitRelativePath || file.name, file }));
