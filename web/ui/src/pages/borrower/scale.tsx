import "../contract/credit.css";
import { useWords } from "../../words/words";

const wide = 640, left = 30;

// Scale draws a score on the line of all that the scorecard can give, and how much
// more one change would bring.
export function Scale({ score, low, high, gain = 0 }: { score: number; low: number; high: number; gain?: number }) {
  const { t } = useWords();
  const x = (points: number) => left + ((wide - 2 * left) * (points - low)) / Math.max(high - low, 1);
  return (
    <svg className="scale" viewBox={`0 0 ${wide} 112`} role="img" aria-label={t("borrower.scale", { score, low, high })}>
      <rect x={left} y="62" width={wide - 2 * left} height="12" rx="6" className="rail" />
      <rect x={left} y="62" width={Math.max(x(score) - left, 6)} height="12" rx="6" className="reached" />
      {gain > 0 && <rect x={x(score)} y="62" width={x(Math.min(score + gain, high)) - x(score)} height="12" className="gain" />}
      <path d={`M${x(score) - 8} 46h16l-8 12z`} className="mark" />
      <text x={Math.min(Math.max(x(score), 50), wide - 50)} y="38" className="score">{score}</text>
      <text x={left} y="100" className="end">{low}</text>
      <text x={wide - left} y="100" className="end right">{high}</text>
    </svg>
  );
}
