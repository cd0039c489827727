import { lazy } from "react";
import type { Room } from "../../parts/room";

export const rooms: Room[] = [
  { path: "", word: "nav.search", page: lazy(() => import("./home")) },
  { path: "verify", word: "nav.verify", page: lazy(() => import("./verify")) },
  { path: "keys", word: "nav.keys", page: lazy(() => import("../keys")) },
  { path: "event", page: lazy(() => import("./event")) },
];
