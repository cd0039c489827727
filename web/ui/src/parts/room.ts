// A room is a page of a role's. The first of a role is what it sees first.
import type { ComponentType, LazyExoticComponent } from "react";
import type { Word } from "../words/words";

export interface Room {
  path: string; // the first part of the address; "" is the first page
  word?: Word; // in the menu; absent for rooms that others lead to
  under?: string; // the path of the one in the menu that leads to it
  own?: boolean; // only where the keys are in this browser
  local?: boolean; // only on a machine's own page
  page: LazyExoticComponent<ComponentType<{ id: string }>>; // id is the address's second part
}
