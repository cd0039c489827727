// How the machine of an account in a browser is set up: what is typed there, in English as
// the command line is.
export const keysFile = "manx-provider.keys"; // the account's keys, sealed
export const setUp = () => `manx --data manx-worker --node ${location.origin} keys adopt ${keysFile}\nmanx --data manx-worker worker run`;
export const itsPage = "manx --data manx-worker worker page";
