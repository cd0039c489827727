// The passphrase, wrapped by a key that an authenticator of this device gives after it
// has looked at its owner (WebAuthn's PRF extension): a shortcut beside the passphrase
// and the recovery words, never instead of them. What is kept opens nothing without the
// authenticator.
interface Kept { id: string; salt: string; iv: string; sealed: string }

const place = (account: string) => "device-unlock/" + account;
const text = (b: ArrayBuffer | Uint8Array) => btoa(String.fromCharCode(...new Uint8Array(b as ArrayBuffer)));
const bytes = (s: string) => Uint8Array.from(atob(s), (c) => c.charCodeAt(0));
const drawn = (n: number) => crypto.getRandomValues(new Uint8Array(n));

interface Prf { prf?: { enabled?: boolean; results?: { first?: ArrayBuffer } } }

const kept = (account: string): Kept | null => JSON.parse(localStorage.getItem(place(account)) ?? "null");

// canAsk reports whether the browser knows authenticators; not whether they have PRF.
export const canAsk = () => typeof PublicKeyCredential !== "undefined" && isSecureContext;
export const isKept = (account: string) => kept(account) !== null;
export const forget = (account: string) => localStorage.removeItem(place(account));

async function keyOf(secret: ArrayBuffer): Promise<CryptoKey> {
  const base = await crypto.subtle.importKey("raw", secret, "HKDF", false, ["deriveKey"]);
  return crypto.subtle.deriveKey({ name: "HKDF", hash: "SHA-256", salt: new Uint8Array(0), info: new TextEncoder().encode("manx/device-unlock/1") }, base, { name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
}

async function asked(id: Uint8Array<ArrayBuffer>, salt: Uint8Array<ArrayBuffer>): Promise<ArrayBuffer> {
  const c = (await navigator.credentials.get({ publicKey: {
    challenge: drawn(32), allowCredentials: [{ type: "public-key", id }], userVerification: "required",
    extensions: { prf: { eval: { first: salt } } } as AuthenticationExtensionsClientInputs,
  } })) as PublicKeyCredential;
  const first = (c.getClientExtensionResults() as Prf).prf?.results?.first;
  if (!first) throw new Error("the authenticator gives no key");
  return first;
}

// wrap asks for a new credential and wraps the passphrase under its key; it is kept when
// what is returned is called, once the passphrase has proved right. It rejects where the
// authenticator has no PRF or its owner declines.
export async function wrap(account: string, passphrase: string): Promise<() => void> {
  const made = (await navigator.credentials.create({ publicKey: {
    challenge: drawn(32), rp: { name: "Manx" }, user: { id: drawn(16), name: "Manx", displayName: "Manx" },
    pubKeyCredParams: [{ type: "public-key", alg: -7 }, { type: "public-key", alg: -257 }],
    authenticatorSelection: { userVerification: "required", residentKey: "preferred" },
    extensions: { prf: {} } as AuthenticationExtensionsClientInputs,
  } })) as PublicKeyCredential;
  if (!(made.getClientExtensionResults() as Prf).prf?.enabled) throw new Error("the authenticator has no PRF");
  const id = new Uint8Array(made.rawId), salt = drawn(32), iv = drawn(12);
  const key = await keyOf(await asked(id, salt));
  const sealed = await crypto.subtle.encrypt({ name: "AES-GCM", iv }, key, new TextEncoder().encode(passphrase));
  return () => localStorage.setItem(place(account), JSON.stringify({ id: text(id), salt: text(salt), iv: text(iv), sealed: text(sealed) } satisfies Kept));
}

// unwrap asks the authenticator and returns the passphrase.
export async function unwrap(account: string): Promise<string> {
  const k = kept(account);
  if (!k) throw new Error("nothing is kept");
  const key = await keyOf(await asked(bytes(k.id), bytes(k.salt)));
  return new TextDecoder().decode(await crypto.subtle.decrypt({ name: "AES-GCM", iv: bytes(k.iv) }, key, bytes(k.sealed)));
}
