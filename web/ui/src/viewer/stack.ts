// Cornerstone on pictures that the module decrypts: a stack of them on one element. Nothing
// here asks the network for pixels. The page loads this file, and Cornerstone with it, when
// a scan is looked at.
import { type Types, Enums, RenderingEngine, cache, eventTarget, imageLoader, init, metaData, utilities } from "@cornerstonejs/core";
import { EllipticalROITool, Enums as ToolEnums, LengthTool, PanTool, ToolGroupManager, WindowLevelTool, ZoomTool, addTool, annotation, init as initTools, utilities as toolUtilities } from "@cornerstonejs/tools";
import { desk } from "../worker/desk";
import type { Picture, Window } from "../parts/shapes";

export const tools = { window: WindowLevelTool.toolName, pan: PanTool.toolName, zoom: ZoomTool.toolName, length: LengthTool.toolName, area: EllipticalROITool.toolName };
export type Tool = keyof typeof tools;
export type Measuring = "length" | "area";
export type Pixel = [column: number, row: number]; // of a picture, from 0

// A Measure is what was drawn on a picture: a length, or an area and the mean of what is in
// it, with its unit.
export interface Measure { id: string; at: number; length?: number; area?: number; mean?: number; unit: string; of: string }

export interface Told { window(w: Window): void; measures(all: Measure[]): void }

const kept = 24 << 20; // bytes of decoded pictures
const scheme = "manx";
const views = new Map<string, Omit<Picture, "pixels">>(); // of the pictures that were loaded, by their id

let begun = false;

// begin sets Cornerstone up, once a page.
function begin() {
  if (begun) return;
  begun = true;
  init({ rendering: { webGlContextCount: 1 } } as Parameters<typeof init>[0]);
  initTools();
  cache.setMaxCacheSize(kept);
  for (const tool of [WindowLevelTool, PanTool, ZoomTool, LengthTool, EllipticalROITool]) addTool(tool);
  imageLoader.registerImageLoader(scheme, (id) => ({ promise: load(id) }));
  metaData.addProvider(describe, 10_000);
}

const decoded = (p: Picture) => {
  const text = atob(p.pixels);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return p.kind === "rgb" ? bytes : p.kind === "int16" ? new Int16Array(bytes.buffer) : p.kind === "uint16" ? new Uint16Array(bytes.buffer) : new Float32Array(bytes.buffer);
};

async function load(imageId: string): Promise<Types.IImage> {
  const [, record, index] = imageId.split(":");
  const p = await desk().call<Picture>("picture", { record, index: Number(index) });
  const data = decoded(p);
  const { pixels: _, ...rest } = p;
  views.set(imageId, rest);
  const colour = p.kind === "rgb";
  const voxelManager = utilities.VoxelManager.createImageVoxelManager({ width: p.columns, height: p.rows, numberOfComponents: colour ? 3 : 1, scalarData: data as Uint8Array });
  return {
    imageId, rows: p.rows, columns: p.columns, height: p.rows, width: p.columns, color: colour, rgba: false, numberOfComponents: colour ? 3 : 1,
    slope: 1, intercept: 0, windowCenter: p.window.center, windowWidth: p.window.width, voiLUTFunction: Enums.VOILUTFunctionType.LINEAR,
    minPixelValue: p.low, maxPixelValue: p.high, invert: p.inverted, photometricInterpretation: colour ? "RGB" : p.inverted ? "MONOCHROME1" : "MONOCHROME2",
    rowPixelSpacing: p.spacing[0], columnPixelSpacing: p.spacing[1], sizeInBytes: data.byteLength, dataType: data.constructor.name,
    voxelManager, getPixelData: () => voxelManager.getScalarData(), getCanvas: undefined, imageFrame: {},
  } as unknown as Types.IImage;
}

// describe answers what Cornerstone asks about a picture. Pictures of a stack lie one
// behind another: where they were in the body plays no part in what is drawn.
function describe(type: string, id: unknown): unknown {
  const p = typeof id === "string" ? views.get(id) : undefined;
  if (!p) return;
  const colour = p.kind === "rgb";
  const [, record, index] = (id as string).split(":");
  switch (type) {
    case Enums.MetadataModules.IMAGE_PIXEL: {
      const bits = colour ? 8 : p.kind === "float32" ? 32 : 16;
      return { rows: p.rows, columns: p.columns, samplesPerPixel: colour ? 3 : 1, bitsAllocated: bits, bitsStored: bits, highBit: bits - 1, pixelRepresentation: p.kind === "int16" ? 1 : 0, photometricInterpretation: colour ? "RGB" : "MONOCHROME2" };
    }
    case Enums.MetadataModules.IMAGE_PLANE:
      return {
        frameOfReferenceUID: record, rows: p.rows, columns: p.columns, imagePositionPatient: [0, 0, Number(index)], imageOrientationPatient: [1, 0, 0, 0, 1, 0], rowCosines: [1, 0, 0], columnCosines: [0, 1, 0],
        pixelSpacing: p.spacing, rowPixelSpacing: p.spacing[0], columnPixelSpacing: p.spacing[1], usingDefaultValues: p.measured === "",
      };
    case Enums.MetadataModules.GENERAL_SERIES:
      return { modality: p.unit === "HU" ? "CT" : "OT" };
    case Enums.MetadataModules.VOI_LUT:
      return { windowCenter: [p.window.center], windowWidth: [p.window.width], voiLUTFunction: "LINEAR" };
    case Enums.MetadataModules.MODALITY_LUT:
      return { rescaleSlope: 1, rescaleIntercept: 0 };
  }
}

interface Stats { length?: number; unit?: string; area?: number; areaUnit?: string; mean?: number; modalityUnit?: string }

// inside is what stands beside an area: figures that need no language.
const inside = (data: { cachedStats: Record<string, Stats> }, target: string): string[] => {
  const s = data.cachedStats[target];
  if (s?.area === undefined) return [];
  return [`${utilities.roundNumber(s.area)} ${s.areaUnit ?? ""}`, ...(s.mean === undefined ? [] : [`⌀ ${utilities.roundNumber(s.mean)} ${s.modalityUnit ?? ""}`])];
};

let next = 0;

// A Stack draws the pictures of a record on an element until it is closed.
export class Stack {
  private name = "stack-" + ++next;
  private engine: RenderingEngine;
  private viewport: Types.IStackViewport;
  private ids: string[];
  private window?: Window; // what its reader has chosen, else each picture's own
  private wanted = 0;
  private shown = -1;
  private busy?: Promise<void>;
  private own = false; // the window is being set here
  private resized: ResizeObserver;
  private closed = false;

  constructor(private element: HTMLDivElement, record: string, pictures: number, private told: Told) {
    begin();
    this.ids = Array.from({ length: pictures }, (_, i) => `${scheme}:${record}:${i}`);
    this.engine = new RenderingEngine(this.name);
    this.engine.enableElement({ viewportId: this.name, type: Enums.ViewportType.STACK, element, defaultOptions: { background: [0, 0, 0] } });
    this.viewport = this.engine.getViewport(this.name) as Types.IStackViewport;
    const group = ToolGroupManager.createToolGroup(this.name)!;
    for (const tool of Object.values(tools)) group.addTool(tool, tool === tools.area ? { getTextLines: inside } : {});
    group.addViewport(this.name, this.name);
    element.addEventListener(Enums.Events.VOI_MODIFIED, this.voi);
    for (const e of this.heard) eventTarget.addEventListener(e, this.measured);
    this.use("window");
    this.resized = new ResizeObserver(() => { if (this.shown >= 0) this.engine.resize(true, true); });
    this.resized.observe(element);
  }

  private heard = [ToolEnums.Events.ANNOTATION_COMPLETED, ToolEnums.Events.ANNOTATION_MODIFIED, ToolEnums.Events.ANNOTATION_REMOVED];

  // use says what the first button, or one finger, does.
  use(tool: Tool) {
    const group = ToolGroupManager.getToolGroup(this.name)!;
    const { Primary, Secondary, Auxiliary } = ToolEnums.MouseBindings;
    for (const name of Object.values(tools)) group.setToolPassive(name, { removeAllBindings: true });
    const bind: Record<Tool, object[]> = { window: [], pan: [{ mouseButton: Auxiliary }], zoom: [{ mouseButton: Secondary }, { numTouchPoints: 2 }], length: [], area: [] };
    bind[tool].push({ mouseButton: Primary });
    for (const [name, bindings] of Object.entries(bind)) if (bindings.length) group.setToolActive(tools[name as Tool], { bindings: bindings as never });
  }

  // show draws a picture; of several asked for meanwhile, the last. It rejects with a Problem.
  show(at: number): Promise<void> {
    this.wanted = at;
    return (this.busy ??= this.follow().finally(() => { this.busy = undefined; }));
  }

  private async follow() {
    while (this.shown !== this.wanted && !this.closed) {
      const at = this.wanted;
      this.shown = -1;
      try {
        await imageLoader.loadAndCacheImage(this.ids[at]!);
      } catch (e) {
        if (at === this.wanted) throw e;
        continue;
      }
      if (this.closed || at !== this.wanted) continue;
      if (this.viewport.getImageIds().length === 0) await this.viewport.setStack(this.ids, at);
      else await this.viewport.setImageIdIndex(at);
      this.shown = at;
      this.look();
    }
  }

  // look applies the window to the picture that is shown.
  private look() {
    const p = this.picture();
    if (!p) return;
    this.own = true;
    const w = this.window ?? p.window;
    if (p.kind !== "rgb") this.viewport.setProperties({ voiRange: utilities.windowLevel.toLowHighRange(w.width, w.center, Enums.VOILUTFunctionType.LINEAR), invert: p.inverted });
    this.viewport.render();
    this.own = false;
    this.told.window(w);
  }

  // picture is what is known of the picture that is shown.
  picture = () => views.get(this.ids[this.shown] ?? "");

  // setWindow chooses a window, or each picture's own.
  setWindow(w?: Window) {
    this.window = w;
    this.look();
  }

  private voi = (e: Event) => {
    const { range } = (e as CustomEvent<{ range?: { lower: number; upper: number } }>).detail;
    if (this.own || !range || this.shown < 0) return;
    const { windowWidth, windowCenter } = utilities.windowLevel.toWindowLevel(range.lower, range.upper);
    this.window = { center: Math.round(windowCenter * 10) / 10, width: Math.round(windowWidth * 10) / 10 };
    this.told.window(this.window);
  };

  zoom(by: number) {
    this.viewport.setZoom(Math.min(20, Math.max(0.2, this.viewport.getZoom() * by)));
    this.viewport.render();
  }

  pan(x: number, y: number) {
    const [a, b] = this.viewport.getPan();
    this.viewport.setPan([a + x, b + y]);
    this.viewport.render();
  }

  // world is a pixel of the picture that is shown, as describe has it.
  private world([column, row]: Pixel): Types.Point3 {
    const [down, along] = this.picture()?.spacing ?? [1, 1];
    return [column * along, row * down, this.shown];
  }

  // canvas is where a pixel lies on the element, in the element's own.
  canvas = (p: Pixel): Types.Point2 => this.viewport.worldToCanvas(this.world(p));

  // watch has told when the picture has moved or changed its size, until what it returns is called.
  watch(moved: () => void): () => void {
    this.element.addEventListener(Enums.Events.CAMERA_MODIFIED, moved);
    return () => this.element.removeEventListener(Enums.Events.CAMERA_MODIFIED, moved);
  }

  // measure draws what is between two pixels: a line, or the ellipse in their rectangle.
  measure(tool: Measuring, from: Pixel, to: Pixel) {
    const [x, y] = [(from[0] + to[0]) / 2, (from[1] + to[1]) / 2];
    const [left, right] = [Math.min(from[0], to[0]), Math.max(from[0], to[0])];
    const [top, bottom] = [Math.min(from[1], to[1]), Math.max(from[1], to[1])];
    const ends: Pixel[] = tool === "length" ? [from, to] : [[x, bottom], [x, top], [left, y], [right, y]];
    const made = tool === "length" ? LengthTool : EllipticalROITool;
    made.createAndAddAnnotation(this.viewport, { highlighted: false, data: { handles: { points: ends.map((p) => this.world(p)) } } });
    toolUtilities.triggerAnnotationRenderForViewportIds([this.name]);
  }

  // fit shows the whole picture again.
  fit() {
    this.viewport.resetCamera();
    this.viewport.render();
  }

  private measured = () => {
    const out: Measure[] = [];
    for (const a of annotation.state.getAllAnnotations()) {
      const at = this.ids.indexOf(a.metadata?.referencedImageId ?? "");
      const s = Object.values((a.data.cachedStats ?? {}) as Record<string, Stats>)[0];
      if (at < 0 || !s || !a.metadata || !a.annotationUID) continue;
      if (a.metadata.toolName === tools.length && s.length !== undefined) out.push({ id: a.annotationUID, at, length: s.length, unit: s.unit ?? "", of: "" });
      if (a.metadata.toolName === tools.area && s.area !== undefined) out.push({ id: a.annotationUID, at, area: s.area, mean: s.mean, unit: s.areaUnit ?? "", of: s.modalityUnit ?? "" });
    }
    this.told.measures(out);
  };

  // clear removes what was measured.
  clear() {
    annotation.state.removeAllAnnotations();
    this.told.measures([]);
    this.viewport.render();
  }

  // close lets go of all that was decoded.
  close() {
    this.closed = true;
    this.resized.disconnect();
    this.element.removeEventListener(Enums.Events.VOI_MODIFIED, this.voi);
    for (const e of this.heard) eventTarget.removeEventListener(e, this.measured);
    annotation.state.removeAllAnnotations();
    ToolGroupManager.destroyToolGroup(this.name);
    this.engine.destroy();
    cache.purgeCache();
    views.clear();
  }
}
