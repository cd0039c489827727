import { lazy } from "react";
import type { Room } from "../../parts/room";

export const rooms: Room[] = [
  { path: "", word: "nav.gateway", page: lazy(() => import("./home")), local: true },
  { path: "held", word: "nav.held", page: lazy(() => import("./held")), local: true },
  { path: "people", word: "nav.people", page: lazy(() => import("./people")), local: true },
  { path: "request", word: "nav.request", page: lazy(() => import("./request")) },
  { path: "trainings", word: "nav.trainings", page: lazy(() => import("./trainings")) },
  { path: "training", under: "trainings", page: lazy(() => import("./training")) },
  { path: "keys", word: "nav.keys", page: lazy(() => import("../keys")), own: true },
];
