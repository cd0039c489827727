// What blobs and answers give as buffers lies outside JavaScript's own heap, and stays until
// the collector has run, which that hardly hurries. A buffer that is transferred leaves
// whatever held it; one that is transferred to a port whose other end is closed is gone.
// (ArrayBuffer.transfer detaches it, but the browser's own object keeps the bytes.)
let nobody: MessagePort | undefined;

// free gives the memory of a buffer back at once.
export function free(b: ArrayBuffer): void {
  if (!nobody) {
    const { port1, port2 } = new MessageChannel();
    port2.close();
    nobody = port1;
  }
  nobody.postMessage(null, [b]);
  if (b.byteLength > 0) nobody = undefined; // it has noticed that nobody is there
}
