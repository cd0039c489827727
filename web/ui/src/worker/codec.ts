// The worker in which a picture's compressed pixels are decoded: one codec, fetched when
// the first picture needs it.
/// <reference lib="webworker" />
import charls from "@cornerstonejs/codec-charls/decodewasm?url";
import openjpeg from "@cornerstonejs/codec-openjpeg/decodewasm?url";
import { integrity } from "../made/integrity";
import { bound, decode, start } from "./decode";
import type { Codec, Decoded, Module } from "./decode";

declare const self: DedicatedWorkerGlobalScope;

bound();

async function load(codec: Codec): Promise<Module> {
  const [url, hash, glue] = codec === "jpeg-ls"
    ? [charls, integrity.charls, import("@cornerstonejs/codec-charls/decodewasmjs")] as const
    : [openjpeg, integrity.openjpeg, import("@cornerstonejs/codec-openjpeg/decodewasmjs")] as const;
  const binary = await fetch(url, { integrity: hash }).then((r) => r.arrayBuffer());
  return start((await glue).default, binary);
}

const loaded: Partial<Record<Codec, Promise<Module>>> = {};

self.onmessage = async ({ data }: MessageEvent<{ codec: Codec; bytes: Uint8Array }>) => {
  let out: Decoded;
  try {
    out = decode(await (loaded[data.codec] ??= load(data.codec)), data.bytes);
  } catch {
    out = { failed: "unavailable" };
  }
  self.postMessage(out, "bytes" in out ? [out.bytes.buffer] : []);
};
