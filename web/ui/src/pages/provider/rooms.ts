import { lazy } from "react";
import type { Room } from "../../parts/room";

export const rooms: Room[] = [
  { path: "", word: "nav.queue", page: lazy(() => import("./home")) },
  { path: "stake", word: "nav.stake", page: lazy(() => import("./stake")) },
  { path: "earnings", word: "nav.earned", page: lazy(() => import("../scientist/earnings")) },
  { path: "jobs", word: "nav.jobs", page: lazy(() => import("./work")) },
  { path: "keys", word: "nav.keys", page: lazy(() => import("../keys")), own: true },
];
