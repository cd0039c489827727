import { Alert, Button, NativeSelect, Text } from "@mantine/core";
import { useState } from "react";
import { Card, Empty, Facts, Loading, Page, Stage, Trouble, useCall, useWork } from "../parts/parts";
import type { Finding, Offer, Overview, Quote } from "../parts/shapes";
import { go } from "../parts/way";
import { readWords, useWords } from "../words/words";

export default function Ask({ id: record }: { id: string }) {
  const say = useWords();
  const { t, bytes } = say;
  const home = useCall<Overview>("home");
  const models = useCall<Offer[]>("models", { record });
  const work = useWork();
  const [picked, setPicked] = useState(new URLSearchParams(location.search).get("model") ?? "");
  const [quote, setQuote] = useState<Quote>();
  const problem = home.problem ?? models.problem;
  if (!home.data || !models.data) return problem ? <Trouble problem={problem} again={() => { home.reload(); models.reload(); }} /> : <Loading />;
  const fit = models.data;
  const model = fit.find((m) => m.id === picked) ?? fit[0];
  if (!model) return <Page title={t("ask.title")}><Alert color="orange"><Empty text={t("ask.none")} next={[t("nav.home"), () => go("/")]} /></Alert></Page>;
  const ask = async () => {
    const f = await work.run<Finding>("diagnose", { record, model: model.id });
    if (f) go("/finding/" + f.job);
  };
  const estimate = async () => setQuote(await work.run<Quote>("quote", { record, model: model.id }));
  const metric = model.card.metrics?.[0];
  return (
    <Page title={t("ask.title")} text={t("ask.text")}>
      <Card>
        <NativeSelect label={t("ask.model")} value={model.id} disabled={work.busy} onChange={(e) => { setPicked(e.currentTarget.value); setQuote(undefined); }}
          data={fit.map((m) => ({ value: m.id, label: `${m.name} ${m.version} · ${m.price} MAN` }))} mb="sm" />
        <Text size="sm" lang="en" mb="sm">{model.card.summary}</Text>
        <details><summary>{t("word.details")}</summary>
          <div lang="en">
            <Text size="sm">{model.card.intended_use?.join("; ")}</Text>
            <Text size="sm" fw={600}>Not for: {model.card.not_for?.join("; ")}</Text>
            {metric && <Text size="sm" className="faint">{metric.name}: {metric.value}{metric.low !== undefined && ` (${metric.low} – ${metric.high})`}, {metric.method}</Text>}
          </div>
        </details>
        {quote && (
            <Facts of={[
              [t("ask.price"), t("word.man", { n: quote.price })], [t("ask.reads"), readWords(say, quote.read)],
              [t("ask.up"), `${bytes(quote.bytes_up)} ${t("ask.keys")} ${bytes(quote.key_bytes)}`], ...(quote.unchecked ? [[t("ask.beware"), quote.unchecked] as [string, string]] : []),
            ]} />
        )}
        <Text size="sm" className="faint" mt="md">{t("ask.hold")} {t("ask.poor", { n: home.data.balance })}</Text>
        {!work.busy && <div style={{ display: "flex", gap: 12, flexWrap: "wrap", marginTop: 16 }}>
          <Button onClick={ask}>{t("ask.do", { price: model.price })}</Button>
          {!quote && <Button variant="default" onClick={estimate}>{t("ask.quote")}</Button>}
        </div>}
      </Card>
      {work.busy && <Card title={t("ask.running")}><Stage progress={work.progress} /><Text size="sm" className="faint" mt="sm">{t("upload.safe.not")}</Text></Card>}
      {work.problem && <Trouble problem={work.problem} again={ask} />}
    </Page>
  );
}
