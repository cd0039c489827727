// save hands a text, or bytes, to the reader as a file.
export function save(name: string, content: string | Uint8Array<ArrayBuffer>, type = "application/json") {
  const url = URL.createObjectURL(new Blob([content], { type }));
  const a = document.createElement("a");
  a.href = url;
  a.download = name;
  a.click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}
