import { lazy } from "react";
import type { Room } from "../../parts/room";

export const rooms: Room[] = [
  { path: "", word: "nav.home", page: lazy(() => import("./home")) },
  { path: "score", word: "borrower.score", page: lazy(() => import("./score")) },
  { path: "asked", word: "nav.asked", page: lazy(() => import("./asked")) },
  { path: "offers", word: "nav.offers", page: lazy(() => import("./offers")) },
  { path: "repay", word: "nav.repay", page: lazy(() => import("./repay")) },
  { path: "contracts", word: "nav.contracts", page: lazy(() => import("../contract/list")) },
  { path: "keys", word: "nav.keys", page: lazy(() => import("../keys")) },
  { path: "file", page: lazy(() => import("./file")) },
  { path: "agree", page: lazy(() => import("../contract/new")) },
  { path: "contract", page: lazy(() => import("../contract/show")) },
];
