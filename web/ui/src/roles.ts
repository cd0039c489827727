// Who the portal has rooms for. Each account is one party on one side of the exchange,
// with keys of its own (cmd/manx-wasm/desk/account.go has the same list).
import { rooms as auditor } from "./pages/auditor/rooms";
import { rooms as borrower } from "./pages/borrower/rooms";
import { rooms as hospital } from "./pages/hospital/rooms";
import { rooms as lender } from "./pages/lender/rooms";
import { rooms as patient } from "./pages/patient/rooms";
import { rooms as provider } from "./pages/provider/rooms";
import { rooms as scientist } from "./pages/scientist/rooms";
import type { Room } from "./parts/room";
import type { Word } from "./words/words";

export type Role = "patient" | "borrower" | "lender" | "hospital" | "scientist" | "provider" | "auditor";

export interface Kind {
  word: Word; // what it is called
  text: Word; // what it does here
  named: boolean; // it has a name that others see
  sides: boolean; // it may stand on either side: "scientist", "scientist-credit"
  rooms: Room[];
}

export const kinds: Record<Role, Kind> = {
  patient: { word: "who.patient", text: "who.patient.text", named: false, sides: false, rooms: patient },
  borrower: { word: "who.borrower", text: "who.borrower.text", named: false, sides: false, rooms: borrower },
  hospital: { word: "who.hospital", text: "who.hospital.text", named: true, sides: false, rooms: hospital },
  lender: { word: "who.lender", text: "who.lender.text", named: true, sides: false, rooms: lender },
  scientist: { word: "who.scientist", text: "who.scientist.text", named: true, sides: true, rooms: scientist },
  provider: { word: "who.provider", text: "who.provider.text", named: true, sides: false, rooms: provider },
  auditor: { word: "who.auditor", text: "who.auditor.text", named: true, sides: true, rooms: auditor },
};

export const roles = Object.keys(kinds) as Role[];

// roleOf returns an account's role: "scientist" of "scientist-credit".
export function roleOf(account: string): Role {
  const role = account.replace(/-credit$/, "");
  return role in kinds ? (role as Role) : "patient";
}
