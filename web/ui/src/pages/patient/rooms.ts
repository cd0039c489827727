import { lazy } from "react";
import type { Room } from "../../parts/room";

export const rooms: Room[] = [
  { path: "", word: "nav.home", page: lazy(() => import("../home")) },
  { path: "upload", word: "nav.upload", page: lazy(() => import("../upload")) },
  { path: "consent", word: "nav.consent", page: lazy(() => import("../consent")) },
  { path: "activity", word: "nav.activity", page: lazy(() => import("../activity")) },
  { path: "budget", word: "nav.budget", page: lazy(() => import("./budget")) },
  { path: "keys", word: "nav.keys", page: lazy(() => import("../keys")) },
  { path: "ask", page: lazy(() => import("../ask")) },
  { path: "finding", page: lazy(() => import("../finding")) },
  { path: "view", page: lazy(() => import("../view")) },
];
