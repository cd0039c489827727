// end is as much of a party's id as stands beside its name: 60 bits of what nobody else
// can have (desk.Played).
export const end = (id: string) => "…" + id.slice(-12);

// Named is a party: its name, which is its bearer's own choice and may be another's too,
// and the end of the id; without a name the whole id.
export function Named({ name, id }: { name?: string; id: string }) {
  if (!name || name === id) return <span className="id">{id}</span>;
  return <span title={id}>{name} <span className="id faint" style={{ whiteSpace: "nowrap" }}>{end(id)}</span></span>;
}
