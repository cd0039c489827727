import { lazy } from "react";
import type { Room } from "../../parts/room";

export const rooms: Room[] = [
  { path: "", word: "lender.home", page: lazy(() => import("./home")) },
  { path: "portfolio", word: "nav.portfolio", page: lazy(() => import("./portfolio")) },
  { path: "offer", word: "lender.offer", page: lazy(() => import("./offer")) },
  { path: "contracts", word: "nav.contracts", page: lazy(() => import("../contract/list")) },
  { path: "log", word: "nav.log", page: lazy(() => import("./log")) },
  { path: "keys", word: "nav.keys", page: lazy(() => import("../keys")) },
  { path: "score", page: lazy(() => import("./score")) },
  { path: "letter", page: lazy(() => import("./letter")) },
  { path: "agree", page: lazy(() => import("../contract/new")) },
  { path: "contract", page: lazy(() => import("../contract/show")) },
];
