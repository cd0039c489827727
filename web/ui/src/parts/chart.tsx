// Charts without a library: bars of HTML, which grow with the text, and a table of the
// same numbers for who does not see them.
import { Text } from "@mantine/core";
import { useWords } from "../words/words";

export interface Bar { label: string; value: number; text: string; quiet?: boolean }

// Bars are values in columns, oldest first.
export function Bars({ title, bars, first, second }: { title: string; bars: Bar[]; first: string; second: string }) {
  const { t } = useWords();
  const top = Math.max(...bars.map((b) => b.value), 1e-9);
  const few = bars.length <= 8; // then each has its label
  const highest = bars.find((b) => b.value === top);
  return (
    <figure className={few ? "chart few" : "chart"}>
      <figcaption><Text size="sm" fw={600}>{title}</Text>{highest && <Text size="xs" className="faint">{t("chart.most", { n: highest.text })}</Text>}</figcaption>
      <div className="bars" aria-hidden="true">
        {bars.map((b, i) => <div key={i} className={b.quiet ? "bar quiet" : "bar"} title={`${b.label}: ${b.text}`}><span style={{ height: `${Math.max(1.5, (100 * b.value) / top)}%` }} /></div>)}
      </div>
      <div className="ends" aria-hidden="true">{(few ? bars : [bars[0], bars[bars.length - 1]]).map((b, i) => <span key={i}>{b.label}</span>)}</div>
      <details><summary>{t("chart.table")}</summary>
        <table className="changes"><thead><tr><th scope="col">{first}</th><th scope="col">{second}</th></tr></thead>
          <tbody>{bars.map((b, i) => <tr key={i}><td>{b.label}</td><td>{b.text}</td></tr>)}</tbody></table>
      </details>
    </figure>
  );
}

// Gauge is a part of a whole, with a part that is only previewed.
export function Gauge({ label, whole, spent, more = 0 }: { label: string; whole: number; spent: number; more?: number }) {
  const part = (x: number) => `${Math.min(100, whole > 0 ? (100 * x) / whole : x > 0 ? 100 : 0)}%`;
  return (
    <div className="gauge" role="img" aria-label={label}>
      <span className="spent" style={{ width: part(spent) }} />
      {more > 0 && <span className={spent + more > whole ? "more over" : "more"} style={{ left: part(spent), width: `calc(${part(spent + more)} - ${part(spent)} + 2px)` }} />}
    </div>
  );
}
