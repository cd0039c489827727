// What the codecs' packages do not say of themselves.
declare module "@cornerstonejs/codec-charls/decodewasmjs" {
  const make: import("./decode").Factory;
  export default make;
}
declare module "@cornerstonejs/codec-openjpeg/decodewasmjs" {
  const make: import("./decode").Factory;
  export default make;
}
