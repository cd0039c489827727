// Calendar draws what is to be paid, by when: a bar for each payment, as tall as it is
// large, coloured by whether it has been paid. The table under it says the same.
import { useWords } from "../../words/words";
import type { Mark } from "./shapes";

export interface Due { at: number; amount: string; state: Mark["state"]; paid?: number; of?: string }

export const dues = (course: Mark[], of?: string): Due[] => course.filter((m) => m.amount).map((m) => ({ at: m.until, amount: m.amount!, state: m.state, paid: m.paid, of }));

const odd = (n: number) => (n % 2 === 1 ? "odd" : ""); // left out where there is little room
const wide = 720, tall = 200, foot = 34, head = 26, edge = 20; // the first label is wider than its bar

export function Calendar({ of }: { of: Due[] }) {
  const { t, day, month, known } = useWords();
  const most = Math.max(...of.map((d) => Number(d.amount)), 0.001);
  const slot = wide / Math.max(of.length, 1), bar = Math.min(54, slot * 0.62);
  const thin = Math.ceil(of.length / 12); // labels that fit
  const states = [...new Set(of.map((d) => d.state))];
  return (
    <figure className="calendar">
      <svg viewBox={`${-edge} 0 ${wide + 2 * edge} ${tall}`} role="img" aria-label={t("contract.calendar.text", { n: of.length, done: of.filter((d) => d.state === "done").length })}>
        <line x1="0" x2={wide} y1={tall - foot} y2={tall - foot} className="axis" />
        {of.map((d, i) => {
          const h = Math.max(6, (tall - foot - head) * (Number(d.amount) / most)), x = i * slot + (slot - bar) / 2, y = tall - foot - h;
          return (
            <g key={i}>
              <rect x={x} y={y} width={bar} height={h} rx={Math.min(6, bar / 3)} className={"due " + d.state} />
              {d.state === "done" && bar > 16 && <path d={`M${x + bar / 2 - 6} ${y + h / 2}l4 5 8-9`} className="tick" />}
              {i % thin === 0 && <text x={x + bar / 2} y={y - 8} className={"amount " + odd(i / thin)}>{d.amount}</text>}
              {i % thin === 0 && <text x={x + bar / 2} y={tall - 12} className={"month " + odd(i / thin)}>{month(d.at)}</text>}
            </g>
          );
        })}
      </svg>
      <figcaption>{states.map((s) => <span key={s} className="legend"><i className={"due " + s} />{known("contract.state." + s)}</span>)}</figcaption>
      <div className="scroll" tabIndex={0} role="group" aria-label={t("contract.calendar")}>
        <table className="changes">
          <thead><tr><th>{t("contract.due")}</th><th>{t("contract.amount")}</th><th>{t("contract.state")}</th></tr></thead>
          <tbody>
            {of.map((d, i) => (
              <tr key={i}><td>{day(d.at)}{d.of && <div className="faint small">{d.of}</div>}</td><td className="whole">{t("word.man", { n: d.amount })}</td>
                <td>{known("contract.state." + d.state)}{d.paid ? <div className="faint small">{t("contract.paid.on", { when: day(d.paid) })}</div> : null}</td></tr>
            ))}
          </tbody>
        </table>
      </div>
    </figure>
  );
}
