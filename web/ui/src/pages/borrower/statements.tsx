import "../contract/credit.css";
import { Text } from "@mantine/core";
import { useWords } from "../../words/words";
import type { Value } from "./shapes";

const months = [1, 2, 3, 4, 5, 6];
const kinds = ["bill", "paid", "delay"] as const;

// Statements are a credit file's fields as people read them: the limit, and six monthly
// statements, each of which can be disputed where choose is given.
export function Statements({ values, disputed, choose }: { values: Value[]; disputed: string[]; choose?: (field: string) => void }) {
  const { t, known, number } = useWords();
  const of = (field: string) => values.find((v) => v.field === field)?.value ?? 0;
  const Cell = ({ field, text }: { field: string; text: string }) => {
    if (disputed.includes(field)) return <><del>{text}</del> <span className="small warn">{t("borrower.disputed.mark")}</span></>;
    return choose ? <button type="button" className="cell" onClick={() => choose(field)} aria-label={t("borrower.dispute.cell", { field: known("credit.field." + field.replace(/_\d$/, ""), { n: field.slice(-1) }), value: text })}>{text}</button> : <>{text}</>;
  };
  return (
    <>
      <Text mb="md">{known("credit.field.credit_limit")}: <b><Cell field="credit_limit" text={number(of("credit_limit"))} /></b></Text>
      <div className="scroll" tabIndex={0} role="group" aria-label={t("borrower.says")}>
        <table className="changes numbers">
          <thead><tr><th>{t("borrower.statement")}</th>{kinds.map((k) => <th key={k}>{known("credit.column." + k)}</th>)}</tr></thead>
          <tbody>
            {months.map((m) => (
              <tr key={m}><td>{m === 1 ? t("borrower.statement.latest") : t("borrower.statement.ago", { n: m - 1 })}</td>
                {kinds.map((k) => <td key={k}><Cell field={`${k}_${m}`} text={k === "delay" ? t("borrower.months", { n: of(`${k}_${m}`) }) : number(of(`${k}_${m}`))} /></td>)}</tr>
            ))}
          </tbody>
        </table>
      </div>
      {choose && <Text size="xs" className="faint" mt={6}>{t("borrower.dispute.press")}</Text>}
    </>
  );
}
