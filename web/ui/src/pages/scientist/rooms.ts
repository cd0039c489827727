import { lazy } from "react";
import type { Room } from "../../parts/room";

export const rooms: Room[] = [
  { path: "", word: "nav.models", page: lazy(() => import("./home")) },
  { path: "publish", word: "nav.publish", page: lazy(() => import("./publish")) },
  { path: "earnings", word: "nav.earnings", page: lazy(() => import("./earnings")) },
  { path: "keys", word: "nav.keys", page: lazy(() => import("../keys")) },
  { path: "model", under: "", page: lazy(() => import("./model")) },
];
