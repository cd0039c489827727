import { lazy } from "react";
import type { Room } from "../../parts/room";

export const rooms: Room[] = [
  { path: "", word: "nav.search", page: lazy(() => import("./home")) },
  { path: "verify", word: "nav.verify", page: lazy(() => import("./verify")) },
  { path: "builds", word: "nav.builds", page: lazy(() => import("./builds")) },
  { path: "keys", word: "nav.keys", page: lazy(() => import("../keys")) },
  { path: "event", under: "", page: lazy(() => import("./event")) },
];
