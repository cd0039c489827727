// Measuring without a pointer: a mark is moved over the picture by arrow keys, and Enter
// sets one end, then the other. What it says is for eyes and for screen readers.
import { type KeyboardEvent, useEffect, useReducer, useRef, useState } from "react";
import type { Picture } from "../parts/shapes";
import { useWords } from "../words/words";
import type { Measure, Measuring, Pixel, Stack } from "./stack";

interface Placed { mark: Pixel; from?: Pixel }

const arrows: Record<string, Pixel> = { ArrowDown: [0, 1], ArrowUp: [0, -1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] };
const within = (n: number, all: number) => Math.max(0, Math.min(all - 1, n));

// usePlace returns what answers keys (true where one was for it), what it says, and the
// drawing that lies over the picture. tool is undefined while nothing is measured.
export function usePlace({ stack, tool, picture, at, measures, told }: {
  stack?: Stack; tool?: Measuring; picture?: Omit<Picture, "pixels">; at: number; measures: Measure[]; told: (m: Measure) => string;
}) {
  const { t } = useWords();
  const [placed, setPlaced] = useState<Placed>();
  const [says, setSays] = useState("");
  const before = useRef<number>(undefined); // measures, while one is being made
  useEffect(() => { setPlaced(undefined); setSays(""); }, [tool, at]);
  useEffect(() => {
    if (before.current === undefined || measures.length <= before.current) return;
    before.current = undefined;
    setSays(t("view.place.done", { what: told(measures[measures.length - 1]!) }));
  }, [measures, told, t]);

  const where = ([x, y]: Pixel) => ({ x: x + 1, y: y + 1 });
  const pressed = (e: KeyboardEvent): boolean => {
    if (!stack || !tool || !picture || e.ctrlKey || e.metaKey || e.altKey) return false;
    const by = arrows[e.key];
    if (!placed) {
      if (e.key !== "Enter") return false;
      const mark: Pixel = [picture.columns >> 1, picture.rows >> 1];
      setPlaced({ mark });
      setSays(t("view.place.begun", where(mark)));
      return true;
    }
    if (by) {
      const far = e.shiftKey ? 10 : 1;
      const mark: Pixel = [within(placed.mark[0] + far * by[0], picture.columns), within(placed.mark[1] + far * by[1], picture.rows)];
      setPlaced({ ...placed, mark });
      setSays(t("view.place.at", where(mark)));
      return true;
    }
    if (e.key === "Escape") {
      setPlaced(undefined);
      setSays(t("view.place.left"));
      return true;
    }
    if (e.key !== "Enter") return false;
    const { mark, from } = placed;
    if (!from) {
      setPlaced({ mark, from: mark });
      setSays(t("view.place.first", where(mark)));
    } else if (tool === "length" ? mark[0] === from[0] && mark[1] === from[1] : mark[0] === from[0] || mark[1] === from[1]) setSays(t("view.place.same"));
    else {
      before.current = measures.length;
      setPlaced(undefined);
      stack.measure(tool, from, mark);
    }
    return true;
  };
  return { pressed, says, drawing: stack && tool && placed ? <Over stack={stack} tool={tool} placed={placed} /> : null };
}

// Over draws the mark, and what the second Enter would measure; it follows the picture.
function Over({ stack, tool, placed: { mark, from } }: { stack: Stack; tool: Measuring; placed: Placed }) {
  const [, moved] = useReducer((n: number) => n + 1, 0);
  useEffect(() => stack.watch(moved), [stack]);
  const [x, y] = stack.canvas(mark);
  const [a, b] = from ? stack.canvas(from) : [x, y];
  return (
    <svg className="mark" aria-hidden="true">
      {from && (tool === "length" ? <line x1={a} y1={b} x2={x} y2={y} /> : <ellipse cx={(a + x) / 2} cy={(b + y) / 2} rx={Math.abs(x - a) / 2} ry={Math.abs(y - b) / 2} />)}
      {from && <circle cx={a} cy={b} r={4} />}
      <path d={`M${x - 12} ${y}h8m8 0h8M${x} ${y - 12}v8m0 8v8`} />
    </svg>
  );
}
